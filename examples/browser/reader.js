// From a picture's pixels to its digit. The model's file holds all the preparation, so that there is none here.
import * as ort from "./ort.js";

ort.env.wasm.numThreads = 1; // more would need headers that a static host may not send
ort.env.wasm.wasmPaths = { wasm: new URL("ort-wasm-simd-threaded.wasm", import.meta.url).href };

/** Open a model's folder. Returns a function from an ImageData with sides of up to 4,096 pixels to its answer. */
export async function openReader(folder) {
  const response = await fetch(`${folder}/picture_to_digit.onnx`);
  if (!response.ok) throw new Error(`${response.url} is missing`);
  const file = new Uint8Array(await response.arrayBuffer());
  const reasons = readReasons(file);
  const session = await ort.InferenceSession.create(file, { executionProviders: ["wasm"] });
  const run = ({ data, width, height }) =>
    session.run({ picture: new ort.Tensor("uint8", new Uint8Array(data.buffer), [height, width, 4]) });
  await run(new ImageData(28, 28)); // the first run takes many times as long as any other
  return async (pixels) => {
    const start = performance.now();
    const { digit, confidence, probabilities, rejection, prepared, plausibility } = await run(pixels);
    return {
      digit: Number(digit.data[0]),
      confidence: confidence.data[0],
      plausibility: plausibility.data[0], // how much it looks like a digit at all; below 0.5 it is rejected
      probabilities: [...probabilities.data],
      rejection: reasons[rejection.data[0]] ?? null, // a name, or null for a digit
      prepared: prepared.data, // 28 × 28 grey levels
      milliseconds: performance.now() - start,
    };
  };
}

/** The names of the reasons for rejection by code. onnxruntime-web does not tell metadata: it is read from the file. */
function readReasons(file) {
  // A protocol buffer: the key, a tag of one byte, the length in one or two, and a flat JSON object.
  const pattern = /mnist_edge\.rejections\x12.{1,2}?(\{"[^}]*\})/s;
  return JSON.parse(pattern.exec(new TextDecoder("latin1").decode(file))[1]);
}
