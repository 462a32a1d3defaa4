/**
 * The page `embed.html`: one player that has all of it, for frames in other pages. Its fragment is that of the app (`#scenario=…&t=19.4s`, or packed), and may say more about
 * the look: `panels=log,verdicts`, `controls=few`, `theme=dark`, `speed=0.05`, `play`.
 */
import '../ui/tokens.css';
import './page.css';
import { mount } from 'svelte';
import { prefersReducedMotion } from 'svelte/motion';
import { ownWorker } from '../own-worker.ts';
import { Opening } from '../share/opening.svelte.ts';
import { CONTROLS, Embed } from './embed.svelte.ts';
import Frame from './Frame.svelte';
import { readPanels } from './panels.ts';

const target = document.getElementById('app');
if (target === null) throw new Error('embed.html must hold an element with the id "app"');

const embed = new Embed();
const { lab, player, panels } = embed.begin(ownWorker);
const opening = new Opening(lab, player, panels);
embed.told = opening;
embed.isSized = true;
embed.app = new URL('./index.html', document.baseURI).href;

let plays = false;

function open(): void {
  const query = new URLSearchParams(location.hash.replace(/^#/, ''));
  const { panels: names, unknown } = readPanels(query.get('panels') ?? '');
  const theme = query.get('theme');
  const rate = Number(query.get('speed') ?? Number.NaN);
  embed.names = names;
  embed.controls = CONTROLS.find((one) => one === query.get('controls')) ?? 'all';
  embed.theme.chosen = theme === 'light' || theme === 'dark' ? theme : null;
  player.speedChosen = rate > 0 && rate <= 100_000 ? rate * 1000 : null;
  plays = query.has('play') && !prefersReducedMotion.current;
  void opening.address(location.hash).then(() => {
    if (!query.has('tab')) embed.show(names[0]);
    if (unknown.length > 0 && opening.problem === '') opening.problem = `There is no panel "${unknown[0]}".`;
  });
}

mount(Frame, {
  target,
  props: {
    embed,
    onready: () => {
      document.title = lab.scenario === null ? 'queuelab' : `${lab.scenario.title} · queuelab`;
      if (plays) player.play();
      plays = false;
    },
    onmoment: () => undefined,
    onproblem: () => undefined,
  },
});
open();
window.addEventListener('hashchange', open);
// The whole page is the player, so that nothing in it needs to have the focus first.
window.addEventListener('keydown', (event) => embed.onkey(event));

// In a frame that is out of sight there is nothing to be seen.
const seen = (isIntersecting: boolean): void => {
  if (isIntersecting && !document.hidden) player.release();
  else player.hold();
};
let isInSight = true;
new IntersectionObserver((entries) => {
  isInSight = entries.at(-1)?.isIntersecting ?? true;
  seen(isInSight);
}).observe(target);
document.addEventListener('visibilitychange', () => seen(isInSight));
