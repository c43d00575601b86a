/**
 * A learning curve as SVG: k-NN above, loss below, over the same epochs. Colours are readable on light and dark pages alike, the
 * ground is left out.
 */
const WIDTH = 760;
const LEFT = 52;
const RIGHT = 168;
const PANELS = { knn: { top: 34, height: 190 }, loss: { top: 268, height: 120 } };
const HEIGHT = 430;
const MOST_POINTS = 300;
const INK = { text: '#7d8590', grid: '#7d859055', knn: '#2f81f7', loss: '#d2762a', untrained: '#a371f7', pixels: '#3fa266' };

/**
 * @param title what the picture shows, for its accessible name
 * @param epochs length of the run
 * @param knn,loss lists of {epoch, value}; both may be empty
 * @param baselines {untrained, pixels} in percent, null where not measured
 */
export function learningCurve({ title, epochs, knn, loss, baselines }) {
  const across = (epoch) => LEFT + (epoch / epochs) * (WIDTH - LEFT - RIGHT);
  const levels = [
    { name: 'untrained network', value: baselines.untrained, colour: INK.untrained },
    { name: 'raw pixels', value: baselines.pixels, colour: INK.pixels },
  ].filter(({ value }) => value !== null);
  const knnValues = [...knn.map(({ value }) => value), ...levels.map(({ value }) => value)];
  const parts = [
    ...panel(PANELS.knn, 'k-NN, % right', knnValues, (down) => [
      ...levels.map(({ value, colour }) => dashed(across(0), across(epochs), down(value), colour)),
      ...curve(knn, across, down, INK.knn, 2),
      ...knn.map(({ epoch, value }) => `<circle cx="${n(across(epoch))}" cy="${n(down(value))}" r="2.2" fill="${INK.knn}"/>`),
      ...names([...levels, ...lastOf(knn, 'teacher', INK.knn)], down),
    ]),
    ...panel(PANELS.loss, 'loss', binned(loss).map(({ value }) => value), (down) => [
      ...curve(binned(loss), across, down, INK.loss, 1.5),
      ...names(lastOf(binned(loss), 'loss', INK.loss), down, 2),
    ]),
    ...axis(epochs, across),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" width="${WIDTH}" height="${HEIGHT}" role="img"`,
    `  font-family="system-ui, sans-serif" font-size="12" fill="${INK.text}">`,
    `<title>${escape(title)}</title>`,
    ...parts,
    '</svg>\n',
  ].join('\n');
}

/** Frame, ticks and contents of one panel; `draw` gets the function from values to heights. */
function panel({ top, height }, name, values, draw) {
  const heading = `<text x="${LEFT}" y="${top - 12}" font-weight="600">${name}</text>`;
  if (values.length === 0) return [heading, `<text x="${LEFT}" y="${top + height / 2}">not measured</text>`];
  const least = Math.min(...values);
  const most = Math.max(...values);
  const room = (most - least || Math.abs(most) || 1) * 0.08;
  const marks = ticks(Math.max(0, least - room), most + room, 4);
  const [low, high] = [Math.min(marks[0], least - room), Math.max(marks.at(-1), most + room)];
  const down = (value) => top + height * (1 - (value - low) / (high - low));
  return [
    heading,
    ...marks.flatMap((mark) => [
      `<line x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${n(down(mark))}" y2="${n(down(mark))}" stroke="${INK.grid}"/>`,
      `<text x="${LEFT - 8}" y="${n(down(mark) + 4)}" text-anchor="end">${label(mark)}</text>`,
    ]),
    ...draw(down),
  ];
}

function axis(epochs, across) {
  const bottom = PANELS.loss.top + PANELS.loss.height;
  return [
    ...ticks(0, epochs, 8)
      .filter((mark) => mark >= 0 && mark <= epochs)
      .map((mark) => `<text x="${n(across(mark))}" y="${bottom + 20}" text-anchor="middle">${label(mark)}</text>`),
    `<text x="${WIDTH - RIGHT + 10}" y="${bottom + 20}">epochs</text>`,
  ];
}

function curve(points, across, down, colour, width) {
  if (points.length < 2) return [];
  const path = points.map(({ epoch, value }, i) => `${i === 0 ? 'M' : 'L'}${n(across(epoch))} ${n(down(value))}`).join('');
  return [`<path d="${path}" fill="none" stroke="${colour}" stroke-width="${width}" stroke-linejoin="round"/>`];
}

const dashed = (from, to, y, colour) =>
  `<line x1="${n(from)}" x2="${n(to)}" y1="${n(y)}" y2="${n(y)}" stroke="${colour}" stroke-width="1.5" stroke-dasharray="6 5"/>`;

function lastOf(points, name, colour) {
  const last = points.at(-1);
  return last ? [{ name, value: last.value, colour }] : [];
}

/** Names and values at the right end of lines, moved apart where they would lie on each other. */
function names(lines, down, digits = 1) {
  const placed = lines.map((line) => ({ ...line, y: down(line.value) })).sort((a, b) => a.y - b.y);
  for (let i = 1; i < placed.length; i++) placed[i].y = Math.max(placed[i].y, placed[i - 1].y + 14);
  return placed.map(({ name, value, colour, y }) => {
    const text = `${name} ${value.toFixed(digits)}`;
    return `<text x="${WIDTH - RIGHT + 10}" y="${n(y + 4)}" fill="${colour}">${text}</text>`;
  });
}

/** At most so many points that they can be told apart: means of neighbours. */
function binned(points) {
  const each = Math.ceil(points.length / MOST_POINTS);
  if (each <= 1) return points;
  const bins = [];
  for (let start = 0; start < points.length; start += each) {
    const part = points.slice(start, start + each);
    const mean = (key) => part.reduce((sum, point) => sum + point[key], 0) / part.length;
    bins.push({ epoch: mean('epoch'), value: mean('value') });
  }
  return bins;
}

/** Round numbers between two values: steps of 1, 2 or 5 times a power of ten. */
export function ticks(low, high, about) {
  const rough = (high - low) / about || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= rough * 0.999);
  const marks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) marks.push(Number((i * step).toPrecision(12)));
  return marks;
}

const label = (value) => String(Number(value.toPrecision(6)));
const n = (value) => value.toFixed(1);
const escape = (text) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
