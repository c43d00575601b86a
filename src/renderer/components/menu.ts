import type { Icon } from './icon';

/** An entry of a menu; `null` in a list of them is a dividing line. */
export interface MenuEntry {
  label: string;
  icon?: Icon;
  /** Keys that do the same, as shown. */
  keys?: string;
  disabled?: boolean;
  danger?: boolean;
  run(): void;
}
export type MenuEntries = readonly (MenuEntry | null)[];
