import './state/without-eval';
import './styles/index.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { drop } from './state/drop.svelte';
import { layout } from './state/layout.svelte';
import { followAppearance } from './state/settings.svelte';

followAppearance();
drop.start();
await layout.load();
mount(App, { target: document.body });
