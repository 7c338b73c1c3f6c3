// The page: draw, open, drop, paste or film a picture, and see what the network makes of it.
import { openReader } from "./reader.js";

const MAX_SIDE = 1024; // pixels; more tell no more about a digit
const PAD_SIDE = 560; // pixels of the drawing area
const PEN_WIDTH = 42; // pixels of the drawing area
const PEN_COLOR = "#2440c4";
const REASONS = {
  blank: "Nothing stands out from the background.",
  noise: "Only noise, or marks too faint to tell from it.",
  several_marks: "There are several marks, not a single digit.",
  edge: "The only mark is a strip along the edge.",
  unclear: "It is unclear which part of the picture is ink.",
  implausible: "It does not look enough like any digit.",
};

const element = (id) => document.getElementById(id);
const stage = element("stage"), pad = element("pad"), shutter = element("shutter");
const context = pad.getContext("2d", { willReadFrequently: true });
const camera = document.createElement("video");
const percent = (share, decimals) => `${(100 * share).toFixed(decimals)}%`;
const bars = Array.from({ length: 10 }, (_, digit) => {
  const bar = element("bars").appendChild(document.createElement("li"));
  bar.innerHTML = `<b>${digit}</b><i></i><span></span>`;
  return bar;
});

// Reading: one picture at a time, then the newest.
const readers = {};
let isReading = false, isWaiting = false, announced, announcement;

async function read() {
  isWaiting = true;
  if (isReading) return;
  isReading = true;
  try {
    while (isWaiting) {
      isWaiting = false;
      const model = document.querySelector("[name=model]:checked").value;
      const reader = await (readers[model] ??= openReader(model));
      show(model, await reader(context.getImageData(0, 0, pad.width, pad.height)));
      await new Promise(requestAnimationFrame);
    }
  } catch (error) {
    element("problem").textContent = `This browser cannot run the network: ${error.message}`;
  }
  isReading = false;
}

function show(model, { digit, confidence, probabilities, rejection, prepared, milliseconds }) {
  const detail = rejection ? REASONS[rejection] ?? rejection.replaceAll("_", " ") : "";
  element("answer").className = rejection ? "rejected" : "read";
  element("digit").textContent = rejection ? "–" : digit;
  element("verdict").textContent = rejection ? "No digit" : `${percent(confidence, 1)} confident`;
  element("detail").textContent = detail;
  element("time").textContent = `${model.toUpperCase()} answered in ${milliseconds.toFixed(1)} ms`;
  bars.forEach((bar, index) => {
    bar.className = index === digit ? "best" : "";
    bar.style.setProperty("--share", probabilities[index]);
    bar.lastChild.textContent = percent(probabilities[index], 0);
  });
  const grey = new ImageData(28, 28);
  prepared.forEach((level, index) => grey.data.set([level, level, level, 255], 4 * index));
  element("prepared").getContext("2d").putImageData(grey, 0, 0);
  const sentence = rejection ? `No digit. ${detail}` : `Digit ${digit}`;
  if (sentence === announced) return;
  announced = sentence; // a screen reader is told of an answer that stands for half a second
  clearTimeout(announcement);
  announcement = setTimeout(() => (element("spoken").textContent = sentence), 500);
}

// Pictures: the canvas shows what is read, in the size in which it is read.

function draw(source, left, top, width, height) {
  const scale = Math.min(1, MAX_SIDE / Math.max(width, height));
  [pad.width, pad.height] = [width, height].map((side) => Math.max(1, Math.round(scale * side)));
  stage.style.setProperty("--aspect", pad.width / pad.height);
  stage.className = source ? "picture" : "empty";
  context.imageSmoothingQuality = "high";
  if (source) context.drawImage(source, left, top, width, height, 0, 0, pad.width, pad.height);
  element("problem").textContent = "";
  read();
}

function clear() {
  stopCamera();
  draw(null, 0, 0, PAD_SIDE, PAD_SIDE);
  Object.assign(context, { strokeStyle: PEN_COLOR, lineWidth: PEN_WIDTH, lineCap: "round", lineJoin: "round" });
  ink = new Path2D();
  last = null;
}

async function openPicture(file) {
  if (!file) return;
  stopCamera();
  try {
    // Upright by its EXIF orientation, in colors as they are stored: so other programs pass pictures to the model.
    const bitmap = await createImageBitmap(file, { colorSpaceConversion: "none" });
    draw(bitmap, 0, 0, bitmap.width, bitmap.height);
    bitmap.close();
  } catch {
    element("problem").textContent = `${file.name} is not a picture that this browser can open.`;
  }
}

let isStarting = false;

async function film() {
  if (isStarting) return;
  if (camera.srcObject) return stopCamera(); // its last frame stays
  isStarting = true;
  try {
    camera.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
    await camera.play();
    shutter.textContent = "Take picture";
  } catch {
    stopCamera();
    element("problem").textContent = "There is no camera, or this page may not use it: it must be served by https.";
  }
  isStarting = false;
  while (camera.srcObject) {
    const { videoWidth: width, videoHeight: height } = camera, side = Math.min(width, height);
    draw(camera, (width - side) / 2, (height - side) / 2, side, side);
    await new Promise(requestAnimationFrame);
  }
}

function stopCamera() {
  camera.srcObject?.getTracks().forEach((track) => track.stop());
  camera.srcObject = null;
  shutter.textContent = "Use camera";
}

// Drawing.

let ink, last; // all strokes, a Path2D, and the newest point

function stroke(event) {
  const box = pad.getBoundingClientRect();
  const moves = event.getCoalescedEvents?.() ?? [];
  for (const { clientX, clientY } of moves.length ? moves : [event]) {
    const [x, y] = [clientX - box.left, clientY - box.top].map((offset) => (offset * PAD_SIDE) / box.width);
    // A curve through the middles between points is smooth.
    if (last) ink.quadraticCurveTo(...last, (last[0] + x) / 2, (last[1] + y) / 2);
    else ink.moveTo(x, y);
    last = [x, y];
  }
  const line = new Path2D(ink);
  line.lineTo(last[0] + 0.01, last[1]); // so that a tap leaves a dot
  context.clearRect(0, 0, PAD_SIDE, PAD_SIDE);
  context.stroke(line);
  read();
}

pad.addEventListener("pointerdown", (event) => {
  if (!event.isPrimary || event.button !== 0) return;
  if (stage.className === "picture") clear();
  stage.className = "drawing";
  pad.setPointerCapture(event.pointerId);
  if (last) ink.lineTo(last[0] + 0.01, last[1]);
  last = null;
  stroke(event);
});
pad.addEventListener("pointermove", (event) => pad.hasPointerCapture(event.pointerId) && stroke(event));
element("clear").addEventListener("click", clear);
shutter.addEventListener("click", film);
element("file").addEventListener("change", async ({ target }) => {
  await openPicture(target.files[0]);
  target.value = ""; // so that the same file can be chosen again
});
addEventListener("paste", (event) => openPicture(event.clipboardData.files[0]));
addEventListener("dragover", (event) => event.preventDefault());
addEventListener("drop", (event) => {
  event.preventDefault();
  openPicture(event.dataTransfer.files[0]);
});
document.querySelector("fieldset").addEventListener("change", () => {
  element("problem").textContent = "";
  read();
});
element("stuck").remove();
clear();
