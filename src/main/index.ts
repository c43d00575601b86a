/** The desktop program's main process: one window, one engine, and what connects them. */
import { join } from 'node:path';
import { app, BrowserWindow, Menu, nativeTheme, session } from 'electron';
import { EngineClient, recoverAfterCrashes, Relay, Supervisor } from '../engine/supervise';
import { Closing } from './closing';
import { registerSchemes, restrict } from './content-policy';
import { desktopService } from './desktop-service';
import { DesktopTopics } from './desktop-topics';
import { Log } from './log';
import { engineProgram } from './paths';
import { servePictures } from './pictures';
import { keepAwake, tellEnds } from './run-watch';
import { SettingsStore } from './settings';
import { TrayIcon } from './tray';
import { openWindow } from './window';
import { giveWindowsPorts } from './window-ports';

/** For the engine to end; with a run that is going it may save for a minute (host/main.ts). */
const endLimitMs = 20_000;
const savingLimitMs = 65_000;

app.setName('iBOT Workbench');
if (process.env.IBOT_USER_DATA) app.setPath('userData', process.env.IBOT_USER_DATA);
registerSchemes();
// Chromium would otherwise look for updates of parts that are never used.
app.commandLine.appendSwitch('disable-component-update');
app.commandLine.appendSwitch('disable-background-networking');
// No name is ever looked up: a page could tell something to whoever answers for one.
app.commandLine.appendSwitch('host-resolver-rules', 'MAP * ~NOTFOUND');

if (app.requestSingleInstanceLock()) void app.whenReady().then(start);
else {
  process.stderr.write('iBOT Workbench is open already: its window is shown.\n');
  app.exit(0);
}

function start(): void {
  const log = new Log(join(app.getPath('userData'), 'logs', 'workbench.log'));
  process.on('uncaughtException', (error) => log.write('main', error.stack ?? String(error)));
  process.on('unhandledRejection', (error) => log.write('main', String(error instanceof Error ? error.stack : error)));
  const settings = new SettingsStore();
  const supervisor = new Supervisor(() => engineProgram(settings.library), log);
  const engine = new EngineClient(supervisor);
  const topics = new DesktopTopics(settings, supervisor);

  let window: BrowserWindow | undefined;
  let quitting = false;
  /** Started again while the engine still saved: then it begins anew at once. */
  let again = false;
  const show = (): void => {
    tray.vanish();
    if (!window || window.isDestroyed()) {
      window = openWindow(settings, log);
      closing.watch(window);
    } else {
      if (window.isMinimized()) window.restore();
      window.show();
      window.focus();
    }
  };
  const tray = new TrayIcon(show, () => {
    show();
    window?.close();
  });
  const toTray = (): void => {
    tray.appear();
    window?.hide();
  };
  const closing = new Closing({ settings, topics, engine, toTray, quit: () => app.quit() });

  const endEngine = (): Promise<void> => supervisor.close(closing.runIsGoing ? savingLimitMs : endLimitMs);

  giveWindowsPorts(new Relay(supervisor, desktopService({ settings, supervisor, engine, closing }), topics), log);
  supervisor.onGone(() => closing.forget());
  recoverAfterCrashes(supervisor, engine);
  keepAwake(engine, settings);
  tellEnds(engine, settings, (run) => {
    show();
    topics.set('desktop.command', { command: `open-run:${run}` });
  });

  restrict(session.defaultSession);
  servePictures(session.defaultSession, engine);
  applyAppearance(settings, () => window);
  if (process.platform !== 'darwin') Menu.setApplicationMenu(null);
  app.on('second-instance', () => {
    if (quitting) again = true;
    else show();
  });
  app.on('activate', show);
  app.on('window-all-closed', () => app.quit());
  app.on('before-quit', (event) => {
    // While a run is going the window asks first, when it is told to close.
    if (quitting || closing.mustAsk) return;
    event.preventDefault();
    quitting = true;
    void endEngine().finally(() => {
      if (again) app.relaunch();
      app.quit();
    });
  });
  // The system ends the program: the engine is let go, and saves what it saves when its channel closes.
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    // A package heard them first, and Chromium took them since: only with the first listener Node takes them back.
    process.removeAllListeners(signal);
    process.on(signal, () => void endEngine().finally(() => app.exit(0)));
  }

  supervisor.start();
  show();
}

function applyAppearance(settings: SettingsStore, window: () => BrowserWindow | undefined): void {
  const apply = () => {
    nativeTheme.themeSource = settings.current.theme;
    window()?.webContents.setZoomFactor(settings.current.textScale);
  };
  apply();
  settings.onChange(apply);
  app.on('web-contents-created', (_event, contents) => {
    contents.on('did-finish-load', () => contents.setZoomFactor(settings.current.textScale));
  });
}

