/** The few fields of a picture's EXIF that people look for. Format: CIPA DC-008 (EXIF 2.32), TIFF 6.0 directories. */

export interface ExifFields {
  /** When it was taken, milliseconds since 1970: the camera's clock, read as UTC where it tells no zone. */
  readonly taken: number | null;
  /** "Canon EOS 90D". */
  readonly camera: string | null;
}

const NONE: ExifFields = { taken: null, camera: null };
const TAG = { make: 0x010f, model: 0x0110, exif: 0x8769, taken: 0x9003, offset: 0x9011 } as const;
/** More entries than any honest directory has. */
const MOST_ENTRIES = 512;

/** Reads what sharp gives as `exif` (with or without the heading "Exif\0\0"). Damaged ones tell nothing. */
export function readExif(bytes: Uint8Array | undefined): ExifFields {
  if (!bytes) return NONE;
  const start = Buffer.from(bytes.subarray(0, 6)).toString('latin1') === 'Exif\0\0' ? 6 : 0;
  try {
    return readFields(bytes.subarray(start));
  } catch (error) {
    if (error instanceof RangeError) return NONE;
    throw error;
  }
}

function readFields(bytes: Uint8Array): ExifFields {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const order = view.getUint16(0);
  if (order !== 0x4949 && order !== 0x4d4d) return NONE;
  const little = order === 0x4949;
  const main = directory(view, view.getUint32(4, little), little);
  const place = main.get(TAG.exif);
  const inner = typeof place === 'number' ? directory(view, place, little) : new Map<number, string | number>();
  const text = (from: ReadonlyMap<number, string | number>, tag: number): string => String(from.get(tag) ?? '').trim();
  const [make, model] = [text(main, TAG.make), text(main, TAG.model)];
  const brand = make.split(' ')[0] ?? '';
  const camera = model.toLowerCase().startsWith(brand.toLowerCase()) ? model : `${make} ${model}`.trim();
  return { taken: timeOf(text(inner, TAG.taken), text(inner, TAG.offset)), camera: camera || null };
}

/** Texts and single long numbers by tag. */
function directory(view: DataView, at: number, little: boolean): Map<number, string | number> {
  const fields = new Map<number, string | number>();
  const count = Math.min(MOST_ENTRIES, view.getUint16(at, little));
  for (let i = 0; i < count; i++) {
    const entry = at + 2 + i * 12;
    const [tag, type, length] = [
      view.getUint16(entry, little),
      view.getUint16(entry + 2, little),
      view.getUint32(entry + 4, little),
    ];
    if (type === 4 && length === 1) fields.set(tag, view.getUint32(entry + 8, little));
    if (type !== 2 || length > 256) continue;
    const place = length <= 4 ? entry + 8 : view.getUint32(entry + 8, little);
    if (place + length > view.byteLength) continue;
    const value = Buffer.from(view.buffer, view.byteOffset + place, length).toString('utf8');
    fields.set(tag, value.split('\0')[0]!);
  }
  return fields;
}

function timeOf(text: string, offset: string): number | null {
  const parts = /^(\d{4}):(\d\d):(\d\d) (\d\d):(\d\d):(\d\d)$/.exec(text);
  if (!parts) return null;
  const [, year, month, day, hour, minute, second] = parts;
  const zone = /^[+-]\d\d:\d\d$/.test(offset) ? offset : 'Z';
  const time = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${zone}`);
  return Number.isFinite(time) && time > 0 ? time : null;
}
