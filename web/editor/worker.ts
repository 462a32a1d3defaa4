/** Reads the text that is being typed, off the page's thread and beside the run, so that neither waits for the other. */
import { setInText, unsetInText } from '../../sim/scenario/edit.ts';
import { formOf } from '../../sim/scenario/form.ts';
import { type Formatted, formatText } from '../../sim/scenario/format.ts';
import { completionsAt, hoverAt } from '../../sim/scenario/hints.ts';
import { namedAt, placeOf } from '../../sim/scenario/whereabouts.ts';
import { readScenario } from '../reading.ts';
import type { EditorQuestion, EditorQuestions, EditorReport, EditorRequest } from './questions.ts';

self.onmessage = ({ data: { id, what } }: MessageEvent<EditorRequest>) => {
  self.postMessage({ id, answer: answerTo(what) } satisfies EditorReport);
};

function answerTo(what: EditorQuestion): EditorReport['answer'] {
  switch (what.of) {
    case 'check':
      return readScenario({ ...what.question, sets: [], lines: [] }).diagnostics;
    case 'complete':
      return completionsAt(what.question.text, what.question.offset);
    case 'hover':
      return hoverOf(what.question);
    case 'locate':
      return placeOf(what.question.text, what.question.thing, what.question.setting);
    case 'form':
      return formOf(what.question.text);
    case 'set':
      return withSetting(what.question);
    case 'format':
      return formatText(what.question.text);
    default:
      return what satisfies never;
  }
}

function hoverOf({ text, offset }: EditorQuestions['hover']['question']): EditorQuestions['hover']['answer'] {
  return { hover: hoverAt(text, offset), named: namedAt(text, offset) };
}

function withSetting({ text, path, value }: EditorQuestions['set']['question']): Formatted {
  const { text: edited, diagnostics } =
    value === null ? unsetInText(text, path) : setInText(text, [`${path}=${asYaml(value)}`]);
  return { text: edited, problem: diagnostics[0]?.message ?? '' };
}

/** Maps and lists in brackets and plain words as they are; any other text in quotes. */
function asYaml(value: string): string {
  return /^[{[].*[}\]]$|^[\w%./ -]+$/.test(value.trim()) ? value : JSON.stringify(value);
}
