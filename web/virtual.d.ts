/** Made by `vite.config.ts` from the files of the library. */
declare module 'virtual:library' {
  const index: {
    /** Folder and question. */
    readonly lessons: readonly (readonly [string, string])[];
    /** Folder, name and title, in the order of the lessons. */
    readonly files: readonly (readonly [string, string, string])[];
  };
  export default index;
}

/** Made there too: what the picker tells of each of these files, in the same order. */
declare module 'virtual:library/about' {
  const about: readonly import('./picker/about.ts').About[];
  export default about;
}

/** And a run that comes with the page, as `first/packed.ts` packs it. */
declare module 'virtual:first-run/*' {
  const packed: string;
  export default packed;
}
