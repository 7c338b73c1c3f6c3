// Reads the digit in a picture file with ONNX Runtime alone: node digit.mjs [MODEL] PICTURE
import { readFile } from "node:fs/promises";
import ort from "onnxruntime-node";
import sharp from "sharp";

const EXIT_CODES = { done: 0, failed: 1, wrongUsage: 2, noDigit: 4 }; // as those of `mnist-edge predict`
const DEFAULT_MODEL = new URL("../../artifacts/v2/picture_to_digit.onnx", import.meta.url);
const LARGEST_SIDE = 1024; // larger pictures are scaled down: a digit needs no more pixels

/** Decode a picture file, upright, into a tensor uint8 [height, width, 3 or 4]: red, green, blue, opacity. */
async function readPicture(file) {
  const { data, info } = await sharp(await readFile(file))
    .autoOrient()
    .resize({ width: LARGEST_SIDE, height: LARGEST_SIDE, fit: "inside", withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return new ort.Tensor("uint8", data, [info.height, info.width, info.channels]);
}

/** Return the name of each code of rejection: {"1": "blank", ...}. onnxruntime-node does not show metadata. */
function rejectionNames(model) {
  return JSON.parse(model.toString("latin1").match(/mnist_edge\.rejections[^{]*({.*?})/s)[1]);
}

async function main(args) {
  if (args.length < 1 || args.length > 2) {
    console.error("usage: node digit.mjs [MODEL] PICTURE");
    return EXIT_CODES.wrongUsage;
  }
  try {
    const model = await readFile(args.length === 2 ? args[0] : DEFAULT_MODEL);
    const session = await ort.InferenceSession.create(model, { intraOpNumThreads: 1, logSeverityLevel: 4 });
    const picture = await readPicture(args.at(-1));
    const { digit, confidence, rejection } = await session.run({ picture }, ["digit", "confidence", "rejection"]);
    const guess = `${digit.data[0]} (${(100 * confidence.data[0]).toFixed(1)}%)`;
    const reason = rejectionNames(model)[rejection.data[0]];
    console.log(reason ? `no digit (${reason}); best guess: ${guess}` : guess);
    return reason ? EXIT_CODES.noDigit : EXIT_CODES.done;
  } catch (error) {
    console.error(`error: ${error.message}`);
    return EXIT_CODES.failed;
  }
}

process.exitCode = await main(process.argv.slice(2));
