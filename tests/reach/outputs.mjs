// The same as outputs.cpp in Node: node outputs.mjs MODEL. It runs in a copy of examples/node.
import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";

const session = await ort.InferenceSession.create(process.argv[2], { intraOpNumThreads: 1 });
console.error(ort.env.versions.node);
const input = readFileSync(0);
for (let start = 0; start < input.length; ) {
  const end = input.indexOf("\n", start);
  const shape = input.toString("latin1", start, end).split(" ").map(Number);
  start = end + 1 + shape.reduce((size, dimension) => size * dimension, 1);
  const tensor = new ort.Tensor("uint8", new Uint8Array(input.subarray(end + 1, start)), shape);
  const before = performance.now();
  const values = await session.run({ [session.inputNames[0]]: tensor });
  console.error(performance.now() - before);
  for (const name of session.outputNames) {
    const { buffer, byteOffset, byteLength } = values[name].data;
    process.stdout.write(new Uint8Array(buffer, byteOffset, byteLength));
  }
}
