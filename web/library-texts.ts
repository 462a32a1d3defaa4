/** The texts of the library's scenarios, by the paths of their files. A chunk of its own, so that the page comes first however many they are. */
export const TEXTS: Readonly<Record<string, string>> = import.meta.glob('../scenarios/**/*.yaml', {
  query: '?raw',
  import: 'default',
  eager: true,
});
