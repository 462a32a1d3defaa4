/** What is told of the library's scenarios, and their texts. A chunk of its own, so that the page comes first however many they are. */
import ABOUT from 'virtual:library/about';

export { ABOUT };

/** By the paths of their files. */
export const TEXTS: Readonly<Record<string, string>> = import.meta.glob('../scenarios/**/*.yaml', {
  query: '?raw',
  import: 'default',
  eager: true,
});
