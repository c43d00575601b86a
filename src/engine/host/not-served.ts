/** What stands in the context until the areas of datasets and recipes have put themselves there. */
import type { Datasets, Recipes } from './host-context';
import { HostError, notFound } from './host-error';

export const noDatasets: Datasets = {
  pictures: () => Promise.reject(notFound('such dataset')),
  touch: () => undefined,
  nameOf: () => undefined,
  folderOf: () => undefined,
  byFolder: () => undefined,
  find: (_dataset, paths) => Promise.resolve(paths.map(() => null)),
  search: () => Promise.resolve({ pictures: [], more: false }),
  noteBroken: () => undefined,
  totals: () => ({ datasets: 0, pictures: 0 }),
};

export const noRecipes: Recipes = {
  resolve: () => Promise.reject(new HostError('unknown-method', 'This engine plans no runs.')),
};
