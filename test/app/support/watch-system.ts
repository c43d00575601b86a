/** What main asks of the system, written down inside of it: to stay awake, notifications, the tray, folders that are shown. */
import type { Menu, Notification, Tray } from 'electron';
import type { ElectronApplication } from 'playwright-core';

interface Watching {
  ibotWatch?: {
    blockers: number[];
    notifications: Notification[];
    tray: { icon: Tray; menu: Menu | null } | undefined;
    shown: string[];
  };
}

/** Before anything is asked. Where the system takes no notifications, they are only written down. */
export async function watchSystem(app: ElectronApplication) {
  await app.evaluate(({ Notification: Notifications, powerSaveBlocker, shell, Tray: Trays }) => {
    const known: NonNullable<Watching['ibotWatch']> = { blockers: [], notifications: [], tray: undefined, shown: [] };
    (globalThis as Watching).ibotWatch = known;
    const begin = powerSaveBlocker.start.bind(powerSaveBlocker);
    powerSaveBlocker.start = (kind) => {
      const id = begin(kind);
      known.blockers.push(id);
      return id;
    };
    const isTaken = Notifications.isSupported();
    Notifications.isSupported = () => true;
    const { show } = Notifications.prototype;
    Notifications.prototype.show = function (this: Notification) {
      known.notifications.push(this);
      if (isTaken) show.call(this);
    };
    const { setContextMenu } = Trays.prototype;
    Trays.prototype.setContextMenu = function (this: Tray, menu: Menu | null) {
      known.tray = { icon: this, menu };
      setContextMenu.call(this, menu);
    };
    shell.showItemInFolder = (path) => void known.shown.push(path);
  });
  return {
    /** Something keeps the computer awake now. */
    isKeptAwake: () =>
      app.evaluate(({ powerSaveBlocker }) =>
        (globalThis as Watching).ibotWatch!.blockers.some((id) => powerSaveBlocker.isStarted(id)),
      ),
    notifications: () =>
      app.evaluate(() => (globalThis as Watching).ibotWatch!.notifications.map(({ title, body }) => ({ title, body }))),
    /** As if somebody clicked on the one with this title. */
    clickNotification: (title: string) =>
      app.evaluate((_electron, wanted) => {
        (globalThis as Watching).ibotWatch!.notifications.find((each) => each.title === wanted)!.emit('click');
      }, title),
    /** What the menu of the tray's icon offers; null: there is no icon. */
    tray: () =>
      app.evaluate(() => {
        const { tray } = (globalThis as Watching).ibotWatch!;
        return tray && !tray.icon.isDestroyed() ? tray.menu!.items.flatMap(({ type, label }) => (type === 'separator' ? [] : [label])) : null;
      }),
    clickTray: (label: string) =>
      app.evaluate((_electron, wanted) => {
        (globalThis as Watching).ibotWatch!.tray!.menu!.items.find((item) => item.label === wanted)!.click();
      }, label),
    shownInFolder: () => app.evaluate(() => (globalThis as Watching).ibotWatch!.shown),
  };
}
