/** What the demo computes: for each word, how often it stands in how many files. */

export interface WordCount {
  readonly word: string;
  readonly count: number;
  readonly files: number;
}

/** Longer words are cut: a table in shared memory has its limits. */
const maxWordChars = 60;

/** How often each word stands in `text`. Words are runs of letters, digits and `_` that start with a letter, in lower case. */
export function countWords(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  for (const [match] of text.matchAll(/\p{L}[\p{L}\p{N}_]*/gu)) {
    const word = match.toLowerCase().slice(0, maxWordChars);
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  return counts;
}

/** The most frequent first; words of one count in the order of their code points. */
export function sortIndex(index: Iterable<WordCount>): WordCount[] {
  return [...index].sort((a, b) => b.count - a.count || (a.word < b.word ? -1 : 1));
}

/** The same index, built in one process: what the parallel one is compared with. */
export function indexTexts(texts: Iterable<string>): WordCount[] {
  const index = new Map<string, { word: string; count: number; files: number }>();
  for (const text of texts) {
    for (const [word, count] of countWords(text)) {
      const entry = index.get(word) ?? { word, count: 0, files: 0 };
      entry.count += count;
      entry.files++;
      index.set(word, entry);
    }
  }
  return sortIndex(index.values());
}
