import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

const start = 'Warning: maxDynamic';
const noise = /Warning: maxDynamic(?:Uniform|Storage)BuffersPerPipelineLayout artificially reduced .*\r?\n/g;

/**
 * Passes everything on at once except Dawn's remark, printed for every adapter of a software driver, that a limit nobody uses is
 * lower than the driver's. Dawn offers no switch for it. Only what may become that remark waits for the end of its line.
 */
export function withoutDriverNoise() {
  const decoder = new StringDecoder('utf8');
  let held = '';
  return new Transform({
    transform(chunk, _encoding, done) {
      const text = (held + decoder.write(chunk)).replace(noise, '');
      const from = possibleStart(text);
      held = text.slice(from);
      done(null, text.slice(0, from));
    },
    flush(done) {
      done(null, held + decoder.end());
    },
  });
}

/** Where in the last line the remark begins, or might begin; the text's length if nowhere. */
function possibleStart(text) {
  const lineStart = text.lastIndexOf('\n') + 1;
  const found = text.indexOf(start, lineStart);
  if (found >= 0) return found;
  for (let from = Math.max(lineStart, text.length - start.length + 1); from < text.length; from++) {
    if (start.startsWith(text.slice(from))) return from;
  }
  return text.length;
}
