/** Kinds of problems, in words. A kind's bit is its place in the list: add at the end. */
import { UNREADABLE_KINDS } from '../picture-look';

export const PROBLEM_KINDS = [
  ...UNREADABLE_KINDS,
  'unreadable-folder',
  'very-small',
  'very-long',
  'moving',
  'print-colours',
  'wrong-ending',
  'not-in-table',
  'no-such-picture',
  'broke-in-run',
] as const;
export type ProblemKind = (typeof PROBLEM_KINDS)[number];

export const problemBit = (kind: ProblemKind): number => 1 << PROBLEM_KINDS.indexOf(kind);
/** Bits of kinds that leave a file out. */
export const UNREADABLE_BITS = UNREADABLE_KINDS.reduce((bits, kind) => bits | problemBit(kind), 0);
/** Bits that a look at a file sets anew; the others come from tables. What broke in a run is well if it can be read again. */
export const LOOK_BITS = PROBLEM_KINDS.filter((kind) => kind !== 'not-in-table' && kind !== 'no-such-picture').reduce(
  (bits, kind) => bits | problemBit(kind),
  0,
);

/** Kinds of left-out files first. */
export const severityOf = (kind: ProblemKind): 'left-out' | 'used' => (PROBLEM_KINDS.indexOf(kind) < 8 ? 'left-out' : 'used');

interface Words {
  readonly title: string;
  /** For the group: what it means and what to do. */
  readonly advice: string;
  /** For one file: what it means for the user's work. */
  readonly meaning: string;
  /** For one file: what to do. */
  readonly remedy: string;
  /** Where a file has no note of its own. */
  readonly message: string;
}

const leftOut = 'It is in no run, no count and no result; the other pictures are not affected.';

export const PROBLEM_WORDS: Readonly<Record<ProblemKind, Words>> = {
  'cut-short': {
    title: 'Cut short',
    advice: 'A copy or download ended early. Copy them again from where they came.',
    meaning: `The file ends before the picture does. ${leftOut}`,
    remedy: 'Copy it again from the camera or its source, then try again.',
    message: 'Ends too early',
  },
  'not-a-picture': {
    title: 'Not a picture',
    advice: 'The name says picture, the content does not.',
    meaning: `The file holds something else than its name says. ${leftOut}`,
    remedy: 'Get the picture itself, or let the scan ignore such names.',
    message: 'Its content is no picture',
  },
  empty: {
    title: 'Empty',
    advice: '0 bytes. The disk was perhaps full when they were copied.',
    meaning: `There is nothing in the file. ${leftOut}`,
    remedy: 'Copy it again from where it came, then try again.',
    message: '0 bytes',
  },
  'unknown-format': {
    title: 'Unknown format',
    advice: 'Formats that this program does not read. Save them as JPEG or PNG to use them.',
    meaning: `The picture is of a kind that cannot be read here. ${leftOut}`,
    remedy: 'Save it as JPEG or PNG with the program that made it, then scan the folder again.',
    message: 'Cannot be read here',
  },
  'no-permission': {
    title: 'May not be read',
    advice: 'This account has no right to open them.',
    meaning: `The system does not let this account open the file. ${leftOut}`,
    remedy: 'Change its permissions, then try again.',
    message: 'This account may not open it',
  },
  'too-large': {
    title: 'Too large',
    advice: 'More than 100 million pixels, or more than the memory allows. Save them smaller to use them.',
    meaning: `Decoding it would take too much memory or time. ${leftOut}`,
    remedy: 'Save a smaller copy of it in the folder, then scan the folder again.',
    message: 'Larger than is read',
  },
  damaged: {
    title: 'Damaged',
    advice: 'The content is broken in the middle. Copy them again from where they came.',
    meaning: `The decoder stopped at something that makes no sense. ${leftOut}`,
    remedy: 'Copy it again from its source, then try again.',
    message: 'Damaged',
  },
  'unreadable-folder': {
    title: 'Folder not read',
    advice: 'What is in them is not in the set. Check their permissions and links, then rescan.',
    meaning: 'Whatever lies in there is not in the set.',
    remedy: 'Check permissions and links, then rescan the folder.',
    message: 'Cannot be read',
  },
  'very-small': {
    title: 'Very small',
    advice: 'Shorter side under 64 px. Little to learn from, but used.',
    meaning: 'It is enlarged much before it is cropped, so that the network sees few details in it. It is used.',
    remedy: 'Leave it out if there are many such, or replace it by a larger version.',
    message: 'Shorter side under 64 px',
  },
  'very-long': {
    title: 'Very long and thin',
    advice: 'One side is more than 5 times the other, so that most crops show little of it. Used.',
    meaning: 'Crops are nearly square, so that most of them show a small part of it. It is used.',
    remedy: 'Cut it into several pictures, or leave it out.',
    message: 'One side is more than 5 times the other',
  },
  moving: {
    title: 'Moving picture',
    advice: 'Several pictures in one file. The first one is used.',
    meaning: 'The file holds several pictures one after the other. The first one is used, the others are not.',
    remedy: 'Save its pictures as files of their own if they matter.',
    message: 'The first picture is used',
  },
  'print-colours': {
    title: 'Print colours',
    advice: 'CMYK. Turned into RGB, in which colours may look a little different. Used.',
    meaning: 'It is made for printing; its colours are turned into RGB and may look a little different. It is used.',
    remedy: 'Nothing needs to be done.',
    message: 'CMYK, turned into RGB',
  },
  'wrong-ending': {
    title: 'Wrong ending',
    advice: 'The name says another format than the content. Read by their content, and used.',
    meaning: 'The name says another format than the content. It is read by its content and used.',
    remedy: 'Nothing needs to be done here; other programs may stumble over it.',
    message: 'The name says another format',
  },
  'not-in-table': {
    title: 'Not in the table',
    advice: 'The table of labels does not name them. Used without a class.',
    meaning: 'The table of labels has no row for it, so it has no class. It is used for training, not for measuring.',
    remedy: 'Add a row to the table and read it again, or set its class by hand.',
    message: 'No row in the table names it',
  },
  'no-such-picture': {
    title: 'No such picture',
    advice: 'Rows of the table that name no picture of this folder.',
    meaning: 'The table of labels names a picture that is not in the folder. The row is passed over.',
    remedy: 'Correct the path in the table, or copy the picture to the folder.',
    message: 'There is no such picture',
  },
  'broke-in-run': {
    title: 'Broke during a run',
    advice: 'Could be read before, and not while a run wanted them. The run used others in their place.',
    meaning: 'A run could not read it and used another picture in its place from then on.',
    remedy: 'Check that the disk is sound, then try again.',
    message: 'Could not be read during a run',
  },
};
