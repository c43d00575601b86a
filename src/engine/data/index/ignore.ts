/** Names that are not pictures, by patterns: `*` any characters but '/', `?` one of them. */

/**
 * Whether a path below the folder is ignored. A pattern without '/' looks at the name alone; case is ignored.
 */
export function ignoring(patterns: readonly string[]): (path: string) => boolean {
  const tests = patterns
    .filter((pattern) => pattern.trim() !== '')
    .map((pattern) => {
      const source = pattern
        .replace(/[.+^${}()|[\]\\]/g, '\\$&')
        .replace(/\*/g, '[^/]*')
        .replace(/\?/g, '[^/]');
      return { expression: new RegExp(`^${source}$`, 'i'), nameAlone: !pattern.includes('/') };
    });
  return (path) => {
    const name = path.slice(path.lastIndexOf('/') + 1);
    return tests.some(({ expression, nameAlone }) => expression.test(nameAlone ? name : path));
  };
}
