import Activity from '@lucide/svelte/icons/activity';
import Cpu from '@lucide/svelte/icons/cpu';
import FolderPlus from '@lucide/svelte/icons/folder-plus';
import House from '@lucide/svelte/icons/house';
import Images from '@lucide/svelte/icons/images';
import Info from '@lucide/svelte/icons/info';
import Library from '@lucide/svelte/icons/library';
import Moon from '@lucide/svelte/icons/moon';
import Play from '@lucide/svelte/icons/play';
import RotateCw from '@lucide/svelte/icons/rotate-cw';
import Scaling from '@lucide/svelte/icons/scaling';
import Search from '@lucide/svelte/icons/search';
import Settings from '@lucide/svelte/icons/settings';
import Shapes from '@lucide/svelte/icons/shapes';
import Sun from '@lucide/svelte/icons/sun';
import ZoomIn from '@lucide/svelte/icons/zoom-in';
import ZoomOut from '@lucide/svelte/icons/zoom-out';
import { engine, go, href, isDesktop, makeSample, pickAndAdd, toasts, windowSettings, type Command } from '../state';
import type { PageName } from './settings/SettingsDialog.svelte';

/** What can be done from everywhere. */
export function frameCommands(openPalette: () => void, openSettings: (page: PageName) => void): Command[] {
  const attempt = (work: Promise<unknown>) => void work.catch((error) => toasts.fail(error));
  const restart = () => attempt(engine.call('desktop.restartEngine', {}));
  /** A browser has its own. */
  const zoomKeys = (keys: string, ...otherKeys: string[]) => (isDesktop ? { keys, otherKeys } : {});
  return [
    { name: 'palette', title: 'Search or run a command', kind: 'Commands', icon: Search, keys: '$mod+KeyK', run: openPalette },
    { name: 'home', title: 'Home', kind: 'Views', icon: House, keys: '$mod+Digit1', run: () => go(href('home')) },
    { name: 'data', title: 'Data', kind: 'Views', icon: Images, keys: '$mod+Digit2', run: () => go(href('data')) },
    { name: 'runs', title: 'Runs', kind: 'Views', icon: Activity, keys: '$mod+Digit3', run: () => go(href('runs')) },
    { name: 'new-run', title: 'New run', kind: 'Commands', icon: Play, keys: '$mod+KeyN', run: () => go(href('runs', 'new')) },
    { name: 'make-sample', title: 'Make sample pictures', kind: 'Commands', icon: Shapes, run: () => void makeSample() },
    { name: 'settings', title: 'Settings', kind: 'Settings', icon: Settings, keys: '$mod+Comma', run: () => openSettings('general') },
    { name: 'settings-computing', title: 'Computes on', kind: 'Settings', icon: Cpu, run: () => openSettings('computing') },
    { name: 'settings-library', title: 'Library', kind: 'Settings', icon: Library, run: () => openSettings('library') },
    { name: 'dark', title: 'Dark theme', kind: 'Settings', icon: Moon, run: () => attempt(windowSettings.change({ theme: 'dark' })) },
    { name: 'light', title: 'Light theme', kind: 'Settings', icon: Sun, run: () => attempt(windowSettings.change({ theme: 'light' })) },
    {
      name: 'larger',
      title: 'Everything larger',
      kind: 'Settings',
      icon: ZoomIn,
      ...zoomKeys('$mod++', '$mod+Shift++', '$mod+='),
      run: () => attempt(windowSettings.scale(1)),
    },
    {
      name: 'smaller',
      title: 'Everything smaller',
      kind: 'Settings',
      icon: ZoomOut,
      ...zoomKeys('$mod+-'),
      run: () => attempt(windowSettings.scale(-1)),
    },
    {
      name: 'usual-size',
      title: 'Everything in its usual size',
      kind: 'Settings',
      icon: Scaling,
      ...zoomKeys('$mod+Digit0', '$mod+Numpad0'),
      run: () => attempt(windowSettings.change({ textScale: 1 })),
    },
    { name: 'about', title: 'About iBOT Workbench', kind: 'Commands', icon: Info, run: () => openSettings('about') },
    { name: 'add-pictures', title: 'Add a folder of pictures', kind: 'Commands', icon: FolderPlus, keys: '$mod+KeyO', run: () => void pickAndAdd() },
    { name: 'restart-engine', title: 'Restart the engine', kind: 'Commands', icon: RotateCw, run: restart },
  ];
}
