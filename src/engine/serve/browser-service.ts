/** What of `desktop.*` makes sense without a desktop. The rest the page does by itself (dialogs, downloads), or not at all. */
import { ProtocolError, type DesktopTopicName, type Handlers } from '../protocol';
import type { DesktopService, DesktopTopicValues, Supervisor } from '../supervise';
import type { WindowState } from './window-state';

type Offered = 'desktop.settings' | 'desktop.setSettings' | 'desktop.layout' | 'desktop.setLayout' | 'desktop.restartEngine';

export function browserService(state: WindowState, supervisor: Supervisor): DesktopService<undefined> {
  const handlers: Handlers<Offered> = {
    'desktop.settings': () => state.settings,
    'desktop.setSettings': (change) => state.change(change),
    'desktop.layout': () => state.layout,
    'desktop.setLayout': async (layout) => {
      await state.addLayout(layout);
      return null;
    },
    'desktop.restartEngine': () => {
      supervisor.restart('The engine was started anew by hand.');
      return null;
    },
  };
  return async ({ method, params }) => {
    if (!Object.hasOwn(handlers, method)) throw new ProtocolError(`${method} is there in the desktop program alone.`, 'unknown-method');
    return (handlers[method as Offered] as (params: unknown) => unknown)(params);
  };
}

export function browserTopics(state: WindowState, supervisor: Supervisor): DesktopTopicValues {
  return {
    get: (topic: DesktopTopicName) =>
      topic === 'desktop.engine' ? supervisor.state : topic === 'desktop.settings' ? state.settings : undefined,
    onChange(listener) {
      supervisor.onState((now) => listener('desktop.engine', now));
      state.onChange((now) => listener('desktop.settings', now));
    },
  };
}
