/**
 * Reads the package sources a Debian-like machine already uses, in both of apt's formats, and writes a private list derived
 * from them. So the mirror, its keys and its proxies are the machine's own choice and no host is named in this program.
 */
export interface AptSource {
  uris: string[];
  suites: string[];
  components: string[];
  /** Further deb822 fields (Signed-By, Architectures, Trusted …), possibly of several lines. */
  fields: Record<string, string>;
}

const oneLineFields: Record<string, string> = { 'signed-by': 'Signed-By', arch: 'Architectures', trusted: 'Trusted' };

/** Entries for binary packages of a one-line list (`deb [options] URI SUITE COMPONENTS`). */
export function parseOneLineSources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match) continue;
    const fields: Record<string, string> = {};
    for (const option of (match[1] ?? '').split(/\s+/)) {
      const [key, value] = option.split(/=(.*)/s);
      const field = key && oneLineFields[key.toLowerCase()];
      if (field && value) fields[field] = value.replaceAll(',', ' ');
    }
    sources.push({ uris: [match[2]!], suites: [match[3]!], components: words(match[4] ?? ''), fields });
  }
  return sources;
}

/** Entries for binary packages of a deb822 file (paragraphs of `Field: value`; continuation lines are indented). */
export function parseDeb822Sources(text: string): AptSource[] {
  const sources: AptSource[] = [];
  const withoutComments = text.split(/\r?\n/).filter((line) => !line.startsWith('#')).join('\n');
  for (const paragraph of withoutComments.split(/\n\s*\n/)) {
    const fields = new Map<string, string>();
    for (const match of paragraph.matchAll(/^([A-Za-z][\w-]*):[ \t]*(.*(?:\n[ \t].*)*)/gm)) {
      fields.set(match[1]!.toLowerCase(), match[2]!.trimEnd());
    }
    if (!words(fields.get('types') ?? '').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) continue;
    const kept: Record<string, string> = {};
    for (const name of Object.values(oneLineFields)) {
      const value = fields.get(name.toLowerCase());
      if (value !== undefined) kept[name] = value;
    }
    sources.push({
      uris: words(fields.get('uris') ?? ''),
      suites: words(fields.get('suites') ?? ''),
      components: words(fields.get('components') ?? ''),
      fields: kept,
    });
  }
  return sources;
}

/**
 * The sources of the distribution itself (suites `codename`, `codename-updates`, `codename-security`), and, next to the suite
 * `codename` with component main, the suite `extra`. Empty when the machine does not use `codename`.
 */
export function distributionSources(sources: readonly AptSource[], codename: string, extra?: string): AptSource[] {
  const own = new Set([codename, `${codename}-updates`, `${codename}-security`, ...(extra ? [extra] : [])]);
  const chosen: AptSource[] = [];
  for (const source of sources) {
    const suites = source.suites.filter((suite) => own.has(suite));
    const fromNetwork = source.uris.filter((uri) => !uri.startsWith('cdrom:'));
    if (suites.length === 0 || fromNetwork.length === 0 || !source.components.includes('main')) continue;
    if (extra && suites.includes(codename) && !suites.includes(extra)) suites.push(extra);
    chosen.push({ ...source, uris: fromNetwork, suites });
  }
  return chosen.some((source) => source.suites.includes(codename)) ? chosen : [];
}

/** The deb822 text of the sources, asking for package lists only (no translations, icons or file lists). */
export function formatDeb822Sources(sources: readonly AptSource[]): string {
  return sources
    .map((source) =>
      [
        'Types: deb',
        `URIs: ${source.uris.join(' ')}`,
        `Suites: ${source.suites.join(' ')}`,
        `Components: ${source.components.join(' ')}`,
        'Targets: Packages',
        ...Object.entries(source.fields).map(([field, value]) => `${field}:${value.startsWith('\n') ? '' : ' '}${value}`),
        '',
      ].join('\n'),
    )
    .join('\n');
}

function words(text: string): string[] {
  return text.split(/\s+/).filter(Boolean);
}
