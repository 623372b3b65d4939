// The page of `mnist-burn serve`: sends the drawing to the server as a picture, and shows the prediction.

const $ = (id) => document.getElementById(id);
const sheet = $("sheet");
const paper = sheet.getContext("2d", { willReadFrequently: true });

// The pen's width, as a fraction of the sheet's: scaled to 28 pixels, it is about that of MNIST.
const PEN = 0.07;
// Files with more bytes or longer sides, or in other formats than PNG and JPEG, are converted before they are sent.
const LARGEST_FILE = 1 << 20;
const LARGEST_SIDE = 1000;

// The content of the sheet: strokes, each a list of points, or one picture. Its earlier contents are for undo.
let content = { strokes: [] };
let past = [];

// ---- Drawing

function draw() {
  paper.fillStyle = "#fff";
  paper.fillRect(0, 0, sheet.width, sheet.height);
  if (content.picture) {
    const { width, height } = content.picture;
    const scale = Math.min(sheet.width / width, sheet.height / height);
    const [w, h] = [width * scale, height * scale];
    paper.imageSmoothingEnabled = scale < 4;
    paper.drawImage(content.picture, (sheet.width - w) / 2, (sheet.height - h) / 2, w, h);
    return;
  }
  paper.lineWidth = PEN * sheet.width;
  paper.lineCap = paper.lineJoin = "round";
  paper.fillStyle = paper.strokeStyle = "#000";
  for (const stroke of content.strokes) {
    // A dot where the pen is put down, because a curve without length is invisible.
    paper.beginPath();
    paper.arc(...stroke[0], paper.lineWidth / 2, 0, 2 * Math.PI);
    paper.fill();
    paper.beginPath();
    paper.moveTo(...stroke[0]);
    // Curves between the midpoints of the reported positions.
    for (const [at, [x, y]] of stroke.entries()) {
      const [nextX, nextY] = stroke[at + 1] ?? [x, y];
      paper.quadraticCurveTo(x, y, (x + nextX) / 2, (y + nextY) / 2);
    }
    paper.stroke();
  }
}

function change(next) {
  past.push(content);
  content = next;
  show();
}

function show() {
  draw();
  const focused = document.activeElement;
  $("undo").disabled = past.length === 0;
  $("clear").disabled = isEmpty();
  // A disabled button would lose the focus, and a screen reader its place.
  if (focused.disabled) sheet.focus();
  ask();
}

const isEmpty = () => !content.picture && content.strokes.length === 0;

function point(event) {
  const box = sheet.getBoundingClientRect();
  return [
    ((event.clientX - box.left) / box.width) * sheet.width,
    ((event.clientY - box.top) / box.height) * sheet.height,
  ];
}

let pen = null;

sheet.addEventListener("pointerdown", (event) => {
  if (pen !== null || event.button !== 0) return;
  liftPen();
  pen = event.pointerId;
  sheet.setPointerCapture(pen);
  change({ strokes: [...(content.strokes ?? []), [point(event)]] });
});

sheet.addEventListener("pointermove", (event) => {
  // A picture may have been pasted meanwhile.
  if (event.pointerId !== pen || content.picture) return;
  const moves = event.getCoalescedEvents?.() ?? [];
  content.strokes.at(-1).push(...(moves.length ? moves : [event]).map(point));
  show();
});

for (const end of ["pointerup", "pointercancel"]) {
  sheet.addEventListener(end, (event) => {
    if (event.pointerId === pen) pen = null;
  });
}

// By keyboard: the arrow keys move a pen, the space bar lowers and lifts it.
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const STEP = 20;
const START = [sheet.width / 2, sheet.height / 4];
let place = START;
let isLowered = false;

sheet.addEventListener("keydown", (event) => {
  const arrow = ARROWS[event.key];
  if (event.key === " ") {
    isLowered = !isLowered;
    if (isLowered) change({ strokes: [...(content.strokes ?? []), [place]] });
    else if (!isEmpty()) ask();
  } else if (arrow) {
    place = place.map((at, axis) => Math.min(Math.max(at + STEP * arrow[axis], 0), sheet.width));
    if (isLowered) content.strokes.at(-1).push(place);
    if (isLowered) show();
  } else return;
  event.preventDefault();
  showPen();
});
sheet.addEventListener("blur", () => liftPen());

function showPen() {
  const [left, top] = place.map((at) => `${(100 * at) / sheet.width}%`);
  Object.assign($("pen").style, { left, top });
  $("pen").classList.toggle("lowered", isLowered);
  $("pen").hidden = false;
  tellPen();
}

function liftPen() {
  isLowered = false;
  $("pen").hidden = true;
  tellPen();
}

// The sheet has the role of a slider, because screen readers leave the arrow keys to one, and say its value when it changes:
// with a delay, so that a held key is not a stream of words.
let telling;

function tellPen() {
  clearTimeout(telling);
  telling = setTimeout(() => {
    const [x, y] = place.map((at) => at / STEP);
    const side = sheet.width / STEP + 1;
    // They say only what has another number, too.
    sheet.setAttribute("aria-valuenow", (isLowered ? side * side : 0) + side * y + x);
    sheet.setAttribute("aria-valuetext", `Pen ${isLowered ? "down" : "up"}, ${x} across, ${y} down`);
  }, 200);
}

function undo() {
  liftPen();
  if (pen !== null || past.length === 0) return;
  content = past.pop();
  show();
  if (isEmpty()) begin();
}

// The next digit begins at the top.
function begin() {
  place = START;
  tellPen();
  speak("The sheet is empty.");
}

function clear() {
  liftPen();
  if (pen !== null || isEmpty()) return;
  change({ strokes: [] });
  begin();
}

$("undo").addEventListener("click", undo);
$("clear").addEventListener("click", clear);
document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key === "z") undo();
  // Elsewhere, Escape closes a list, for instance.
  else if ((event.key === "Escape" || event.key === "Delete") && event.target === sheet) clear();
  else return;
  event.preventDefault();
});

// ---- Pictures

async function open(file) {
  if (!file) return;
  try {
    const picture = await createImageBitmap(file);
    liftPen();
    change({ picture, sent: await small(file, picture) });
  } catch {
    say(`This browser can't show ${file.name}: open a PNG or JPEG image.`);
  }
}

// The file itself if the server accepts it, because a prepared image must not be changed.
async function small(file, picture) {
  const scale = LARGEST_SIDE / Math.max(picture.width, picture.height);
  if (scale >= 1 && file.size <= LARGEST_FILE && ["image/png", "image/jpeg"].includes(file.type)) return file;
  const [width, height] = [picture.width, picture.height].map((side) => Math.max(1, Math.round(side * Math.min(1, scale))));
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d").drawImage(picture, 0, 0, width, height);
  return canvas.convertToBlob();
}

const firstPicture = (files) => [...files].find((file) => file.type.startsWith("image/"));

$("file").addEventListener("change", (event) => {
  open(event.target.files[0]);
  event.target.value = "";
});
document.addEventListener("paste", (event) => open(firstPicture(event.clipboardData.files)));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  document.body.classList.add("dropping");
});
document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  document.body.classList.remove("dropping");
  open(firstPicture(event.dataTransfer.files));
});

// ---- Predictions

// One request at a time. Changes meanwhile are sent afterwards.
let asking = false;
let changed = false;

async function ask() {
  changed = true;
  if (asking) return;
  asking = true;
  while (changed) {
    changed = false;
    const answer = isEmpty() ? null : await read();
    if (!changed || answer) tell(isEmpty() ? null : answer);
  }
  asking = false;
}

// The server's answer. Without one, reports why and returns undefined.
async function read() {
  const body = content.sent ?? (await new Promise((done) => sheet.toBlob(done)));
  const run = $("run").value;
  const query = [run && `run=${encodeURIComponent(run)}`, $("preparation").open && "stages"].filter(Boolean);
  try {
    return await request(`api/predict?${query.join("&")}`, {
      method: "POST",
      headers: { "Content-Type": body.type },
      body,
    });
  } catch (error) {
    say(error.message);
  }
}

// The JSON of a response. Throws an error in words for the user.
async function request(path, options) {
  const response = await fetch(path, options).catch(() => {
    throw new Error("The server does not answer. Is it still running?");
  });
  const answer = await response.json().catch(() => ({ error: `The server's answer is not JSON (status ${response.status}).` }));
  if (answer.error) throw new Error(answer.error);
  return answer;
}

const percent = (fraction) => `${(100 * fraction).toFixed(1)} %`;

function tell(answer) {
  if (answer !== undefined) say("");
  const doubts = answer?.warnings ?? [];
  $("doubts").textContent = doubts.length ? `Careful: ${doubts.join("; ")}.` : "";
  const classes = answer?.classes ?? $("run").selectedOptions[0]?.classes ?? [];
  const probabilities = answer?.probabilities ?? classes.map(() => 0);
  $("digit").textContent = answer?.class ?? "–";
  $("digit").classList.toggle("word", $("digit").textContent.length > 2);
  while ($("bars").children.length > probabilities.length) $("bars").lastChild.remove();
  while ($("bars").children.length < probabilities.length) $("bars").append(bar());
  probabilities.forEach((probability, index) => {
    const row = $("bars").children[index];
    const name = classes[index];
    row.firstChild.textContent = row.firstChild.title = name;
    row.classList.toggle("best", Boolean(answer) && name === answer.class);
    row.querySelector(".track div").style.width = `${100 * probability}%`;
    row.querySelector(".share").textContent = answer ? percent(probability) : "";
  });
  const { width, height, pixels } = answer ?? { width: 28, height: 28, pixels: Array(28 * 28).fill(0) };
  Object.assign($("seen"), { width, height });
  const grey = pixels.flatMap((pixel) => [pixel, pixel, pixel, 255]);
  $("seen").getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(grey), width, height), 0, 0);
  $("stages").replaceChildren(...(answer?.stages ?? []).map(stage));
  const likelihood = answer && percent(Math.max(...probabilities));
  if (answer && !isLowered) speak(`${answer.class}, ${likelihood}. ${$("doubts").textContent}`);
  else if (answer !== null) speak("");
}

// Tells a screen reader the last answer, not those while one draws. The same words are told again if they were gone before.
let speaking;

function speak(words) {
  clearTimeout(speaking);
  $("spoken").textContent = "";
  speaking = setTimeout(() => ($("spoken").textContent = words), 500);
}

function stage({ name, picture }) {
  const item = element("li", "");
  const image = Object.assign(element("img", ""), { src: picture, alt: "" });
  item.append(image, element("span", name));
  return item;
}

function bar() {
  const row = element("li", "");
  const track = element("div", "");
  track.className = "track";
  track.append(element("div", ""));
  const share = element("span", "");
  share.className = "share";
  row.append(element("span", ""), track, share);
  return row;
}

function say(words) {
  $("status").textContent = words;
}

// ---- Runs

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

// The runs that are listed, as JSON. An unchanged list keeps the focus where it is.
let listed;

async function list() {
  let runs;
  try {
    runs = await request("api/runs");
  } catch (error) {
    return say(error.message);
  }
  const chosen = $("run").value || runs.find((run) => run.default)?.run;
  $("run").replaceChildren(
    ...runs.map((run) => {
      const option = new Option(run.run, run.run, false, run.run === chosen);
      option.disabled = !run.model;
      option.classes = run.classes;
      return option;
    }),
  );
  const text = JSON.stringify(runs);
  if (text !== listed) $("runs").replaceChildren(...runs.map(row));
  listed = text;
  mark();
  if (isEmpty()) tell(null);
}

function row(run) {
  const row = element("tr", "");
  row.dataset.run = run.run;
  const percent = (error) => (error == null ? "–" : `${(100 * error).toFixed(2)} %`);
  const name = element("th", run.run);
  name.scope = "row";
  const cells = run.error
    ? ["–", "–", "–", "–", run.error]
    : [run.config, run.planned_epochs ? `${run.epochs}/${run.planned_epochs}` : "–", percent(run.validation_error), percent(run.test_error), run.status];
  const report = element("td", run.report ? "" : "–");
  if (run.report) {
    const link = element("a", "open");
    link.href = `report?run=${encodeURIComponent(run.run)}`;
    link.target = "_blank";
    link.setAttribute("aria-label", `Open the report of ${run.run} (new tab)`);
    report.append(link);
  }
  row.append(name, ...cells.map((cell) => element("td", cell)), report);
  if (run.error) row.children[5].className = "reason";
  return row;
}

function mark() {
  for (const row of $("runs").children) {
    const isChosen = row.dataset.run === $("run").value;
    row.classList.toggle("chosen", isChosen);
    row.setAttribute("aria-current", isChosen);
  }
}

$("run").addEventListener("change", () => {
  mark();
  ask();
});
// The stages come with an answer only while they are shown.
$("preparation").addEventListener("toggle", () => {
  if ($("preparation").open) ask();
});
// Shows runs that have been added since the page was opened.
window.addEventListener("focus", list);

tell(null);
draw();
list();
