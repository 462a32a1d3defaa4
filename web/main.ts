// The page's entry: it puts the app into the document, and nothing more.
import './ui/tokens.css';
import { flushSync, mount, unmount } from 'svelte';
import App from './App.svelte';
import { exposeVisits } from './hooks.ts';
import { keepForLater } from './offline/register.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html must hold an element with the id "app"');

let app = mount(App, { target });
exposeVisits({
  leave: () => unmount(app),
  come: (fragment) => {
    history.replaceState(null, '', location.pathname + location.search + fragment);
    app = mount(App, { target });
    // The hooks of the visit before are gone when this returns.
    flushSync();
  },
});
keepForLater();
