import type { HostContext } from './host-context';
import type { HostDevice } from './device-access';
import type { RunDesk } from './run-desk';
import type { SettingsStore } from './settings';
import type { TaskList } from './task-list';
import type { TopicHub } from './topic-hub';
import type { WarningList } from './warning-list';

/** The host's own parts, for the areas that look after them; the other areas know them by `HostContext`. */
export interface HostServices {
  context: HostContext;
  hub: TopicHub;
  settings: SettingsStore;
  warnings: WarningList;
  tasks: TaskList;
  device: HostDevice;
  desk: RunDesk;
  report: (error: unknown) => void;
  /** Ends runs and engine; then `exit`. */
  close: (ending: 'save' | 'discard' | 'leave') => Promise<void>;
  exit: () => void;
}
