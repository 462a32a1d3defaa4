// The page's entry: it puts the app into the document, and nothing more.
import './ui/tokens.css';
import { mount } from 'svelte';
import App from './App.svelte';
import { keepForLater } from './offline/register.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('index.html must hold an element with the id "app"');

mount(App, { target });
keepForLater();
