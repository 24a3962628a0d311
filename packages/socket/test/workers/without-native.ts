/** Imported before anything else: makes this process one for which there is no addon. */
Object.defineProperty(process, 'platform', { value: 'elsewhere' });
