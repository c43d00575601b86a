/** What the window knows and how it talks to the engine. No drawing here; no state elsewhere but what one component needs. */
export { engine, EngineError, type PlainTopicName } from './engine';
export { connection } from './connection.svelte';
export { picker, type PickRequest } from './picker.svelte';
export { isDesktop } from './transport';
export { runList } from './run-list.svelte';
export { keyedTopic, topic, type Live } from './topics.svelte';
export { textScales, windowSettings } from './settings.svelte';
export { layout } from './layout.svelte';
export { go, href, router } from './router.svelte';
export { commands, useCommands, type Command, type CommandSource } from './commands.svelte';
export { attempt, toasts } from './notices.svelte';
export { drop } from './drop.svelte';
export { addFolders, addHere, makeSample, pickAndAdd } from './add-pictures';
export { copyText, openText, saveText, type TextFile } from './text-files';
export { pictureUrl } from './picture-url';
export { selection } from './selection.svelte';
