import { BrowserWindow, nativeTheme, screen, session } from 'electron';
import { appUrl } from './content-policy';
import type { Log } from './log';
import { paths } from './paths';
import type { SettingsStore } from './settings';

const smallest = { width: 1024, height: 640 };

/** Opens the window where it was. It runs without Node, goes nowhere, and opens nothing. */
export function openWindow(settings: SettingsStore, log: Log): BrowserWindow {
  const { maximised, ...bounds } = onSomeScreen(settings.bounds);
  const window = new BrowserWindow({
    ...bounds,
    minWidth: smallest.width,
    minHeight: smallest.height,
    show: false,
    title: 'iBOT Workbench',
    icon: paths.icon,
    backgroundColor: background(),
    autoHideMenuBar: true,
    webPreferences: {
      session: session.defaultSession,
      preload: paths.preload,
      contextIsolation: true,
      sandbox: true,
      nodeIntegration: false,
      nodeIntegrationInWorker: false,
      nodeIntegrationInSubFrames: false,
      webSecurity: true,
      webviewTag: false,
      navigateOnDragDrop: false,
      spellcheck: false,
      devTools: process.env.IBOT_DEVTOOLS === '1',
    },
  });
  if (maximised) window.maximize();
  window.once('ready-to-show', () => window.show());
  // Besides requests, which are all refused, there is WebRTC.
  window.webContents.setWebRTCIPHandlingPolicy('disable_non_proxied_udp');
  confine(window, log);
  remember(window, settings);
  const themeChanged = () => window.setBackgroundColor(background());
  nativeTheme.on('updated', themeChanged);
  window.on('closed', () => nativeTheme.off('updated', themeChanged));
  void window.loadURL(appUrl);
  loadAgainIfStuck(window, log);
  return window;
}

const loadLimitMs = 20_000;

/** A page that waits for a graphics process that died waits for ever: it gets another process, twice at most. */
function loadAgainIfStuck(window: BrowserWindow, log: Log, attempts = 2): void {
  const timer = setTimeout(() => {
    if (window.isDestroyed() || !window.webContents.isLoading()) return;
    log.write('window', 'the page did not load in time and is loaded again');
    window.webContents.forcefullyCrashRenderer();
    window.webContents.reload();
    if (attempts > 1) loadAgainIfStuck(window, log, attempts - 1);
  }, loadLimitMs);
  window.webContents.once('did-finish-load', () => clearTimeout(timer));
  window.once('closed', () => clearTimeout(timer));
}

function background(): string {
  return nativeTheme.shouldUseDarkColors ? '#0e1013' : '#f7f8fa';
}

function confine(window: BrowserWindow, log: Log): void {
  const { webContents } = window;
  webContents.setWindowOpenHandler(({ url }) => {
    log.write('window', `refused to open ${url}`);
    return { action: 'deny' };
  });
  webContents.on('will-navigate', (event, url) => {
    if (url.split('#')[0] === appUrl) return;
    event.preventDefault();
    log.write('window', `refused to navigate to ${url}`);
  });
  webContents.on('will-frame-navigate' as 'will-navigate', (event) => {
    const { isMainFrame } = event as unknown as { isMainFrame: boolean };
    if (!isMainFrame) event.preventDefault();
  });
  webContents.on('will-attach-webview', (event) => event.preventDefault());
  webContents.on('console-message', (event, oldLevel, oldMessage) => {
    // Newer runtimes have both on the event.
    const { level = oldLevel, message = oldMessage } = event as unknown as { level?: number | string; message?: string };
    if (level === 3 || level === 'error') log.write('window', message);
  });
  webContents.on('render-process-gone', (_event, details) => {
    log.write('window', `its process ended: ${details.reason} (${details.exitCode})`);
    if (details.reason !== 'clean-exit' && !window.isDestroyed()) webContents.reload();
  });
}

function remember(window: BrowserWindow, settings: SettingsStore): void {
  const save = () => {
    if (window.isDestroyed() || window.isMinimized()) return;
    settings.bounds = { ...window.getNormalBounds(), maximised: window.isMaximized() };
  };
  let timer: NodeJS.Timeout | undefined;
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, 400);
  };
  window.on('resize', soon);
  window.on('move', soon);
  window.on('close', () => {
    clearTimeout(timer);
    save();
  });
}

/** A screen that was there the last time may be gone, and bounds may be larger than what is left. */
function onSomeScreen<Bounds extends { x?: number; y?: number; width: number; height: number }>(bounds: Bounds): Bounds {
  const point = { x: bounds.x ?? 0, y: bounds.y ?? 0 };
  const { workArea } = screen.getDisplayNearestPoint(point);
  const width = Math.min(bounds.width, Math.max(workArea.width, smallest.width));
  const height = Math.min(bounds.height, Math.max(workArea.height, smallest.height));
  if (bounds.x === undefined || bounds.y === undefined) return { ...bounds, width, height };
  const right = Math.max(workArea.x, workArea.x + workArea.width - width);
  const bottom = Math.max(workArea.y, workArea.y + workArea.height - height);
  const x = Math.min(Math.max(bounds.x, workArea.x), right);
  const y = Math.min(Math.max(bounds.y, workArea.y), bottom);
  return { ...bounds, x, y, width, height };
}
