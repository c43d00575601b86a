import type { Component } from 'svelte';

/** An icon of @lucide/svelte: `import House from '@lucide/svelte/icons/house'`. */
export type Icon = Component<Record<string, unknown>>;
