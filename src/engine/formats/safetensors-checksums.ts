/**
 * Checksums inside a safetensors file, as its last tensor, so that the file stays a plain one: CRC-32 of the header (with
 * its length), then of each tensor in the order of the file. Told of in the metadata, so that neither can go unnoticed.
 */
import { crc32 } from 'node:zlib';
import { DamagedFileError, type ParsedHeader, type SafetensorsEntry, type TensorHeader } from './safetensors-header';

const TENSOR = 'checksums.crc32';
const METADATA = { checksums: 'crc32' };

/** Sums up a file while it is written. */
export class ChecksumWriter {
  private readonly sums: Uint32Array;
  private at = 0;

  constructor(private readonly entries: readonly SafetensorsEntry[]) {
    this.sums = new Uint32Array(entries.length + 1);
  }

  /** What to write in place of `entries`; the sums are known by the time they are written. */
  get summed(): SafetensorsEntry[] {
    return [...this.entries, { name: TENSOR, dtype: 'U32', shape: [this.sums.length], data: this.sums }];
  }

  metadata(others: Record<string, string> = {}): Record<string, string> {
    return { ...others, ...METADATA };
  }

  /** The next bytes of the present part: the header, or a tensor. */
  add(bytes: Uint8Array): void {
    // The sums have no sum.
    if (this.at < this.sums.length) this.sums[this.at] = crc32(bytes, this.sums[this.at]);
  }

  /** The present part is through. */
  next(): void {
    this.at++;
  }
}

/** Holds what is read against the sums of a file. */
export class ChecksumReader {
  private readonly part: ReadonlyMap<TensorHeader, number>;

  private constructor(
    private readonly file: string,
    tensors: readonly TensorHeader[],
    private readonly sums: Uint32Array,
  ) {
    this.part = new Map(tensors.map((tensor, i) => [tensor, i + 1]));
  }

  /**
   * Takes the sums out of what a header lists; undefined where the file has none.
   * @param header its bytes, with the length before it
   * @throws DamagedFileError where the header is not what was written
   */
  static async open(
    file: string,
    { entries, metadata }: ParsedHeader,
    header: Uint8Array,
    read: (tensor: TensorHeader) => Promise<Uint8Array<ArrayBuffer>>,
  ): Promise<ChecksumReader | undefined> {
    const listed = entries.get(TENSOR);
    if (!listed && metadata.checksums !== METADATA.checksums) return undefined;
    const bad = new DamagedFileError(`${file} is damaged: its header does not match its checksum.`);
    entries.delete(TENSOR);
    if (listed?.dtype !== 'U32' || listed.bytes !== 4 * (entries.size + 1)) throw bad;
    const sums = new Uint32Array((await read(listed)).buffer);
    if (sums[0] !== crc32(header)) throw bad;
    delete metadata.checksums;
    // Tensors without data may share their place, and their sum.
    const inOrder = [...entries.values()].sort((a, b) => a.start - b.start || a.bytes - b.bytes);
    return new ChecksumReader(file, inOrder, sums);
  }

  /** @throws DamagedFileError where `sum` (CRC-32) is not that of the tensor */
  check(name: string, tensor: TensorHeader, sum: number): void {
    if (this.sums[this.part.get(tensor)!] === sum) return;
    throw new DamagedFileError(`${this.file} is damaged: its tensor ${name} does not match its checksum.`);
  }
}
