/** The look of the text: the page's own colours and measures, which reach into the editor as custom properties. */
import { HighlightStyle, syntaxHighlighting } from '@codemirror/language';
import { EditorView } from '@codemirror/view';
import { tags } from '@lezer/highlight';

const card = {
  '& p': { margin: '0 0 4px' },
  '& strong': { fontFamily: 'var(--mono)', fontWeight: '600' },
  '& code': { fontFamily: 'var(--mono)', fontSize: '12px' },
  '& .takes': { color: 'var(--soft)' },
  '& a': { color: 'var(--accent)' },
};

export const theme = EditorView.theme({
  '&': { height: '100%', fontSize: '13px', color: 'var(--ink)', backgroundColor: 'var(--panel)' },
  '&.cm-focused': { outline: 'none' },
  '.cm-scroller': { fontFamily: 'var(--mono)', lineHeight: '1.55', overflow: 'auto' },
  '.cm-content': { padding: '8px 0', caretColor: 'var(--ink)' },
  '.cm-cursor': { borderLeftColor: 'var(--ink)', borderLeftWidth: '2px' },
  '&.cm-focused > .cm-scroller > .cm-selectionLayer .cm-selectionBackground, .cm-selectionBackground': {
    backgroundColor: 'color-mix(in srgb, var(--accent) 24%, transparent)',
  },
  '.cm-activeLine': { backgroundColor: 'color-mix(in srgb, var(--lane) 60%, transparent)' },
  '.cm-gutters': {
    backgroundColor: 'var(--panel)',
    color: 'var(--soft)',
    border: '0',
    borderRight: '1px solid var(--hairline)',
  },
  '.cm-activeLineGutter': { backgroundColor: 'var(--lane)', color: 'var(--ink)' },
  '.cm-lineNumbers .cm-gutterElement': { fontSize: '11px', lineHeight: '20px' },
  '.cm-matchingBracket, &.cm-focused .cm-matchingBracket': {
    backgroundColor: 'transparent',
    outline: '1px solid var(--faint)',
  },
  '.cm-tooltip': {
    border: '1px solid var(--line)',
    borderRadius: '7px',
    backgroundColor: 'var(--panel)',
    color: 'var(--ink)',
    fontFamily: 'var(--text)',
    fontSize: '13px',
    overflow: 'hidden',
  },
  '.cm-tooltip .card': { maxWidth: '360px', padding: '8px 10px 4px', ...card },
  '.cm-tooltip.cm-completionInfo': { padding: '0', maxWidth: '320px', overflow: 'auto', maxHeight: '260px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul': { fontFamily: 'var(--mono)', fontSize: '12px', maxHeight: '240px' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '4px 10px', color: 'var(--ink)' },
  '.cm-tooltip.cm-tooltip-autocomplete > ul > li[aria-selected]': {
    backgroundColor: 'var(--present)',
    color: 'var(--ink)',
  },
  '.cm-completionMatchedText': { textDecoration: 'none', fontWeight: '600' },
  '.cm-completionDetail': { color: 'var(--soft)', fontStyle: 'normal', fontFamily: 'var(--text)' },
  '.cm-lintRange-error': {
    backgroundImage: 'none',
    textDecoration: 'underline wavy var(--fault) 1.5px',
    textUnderlineOffset: '3px',
  },
  '.cm-lintRange-warning': {
    backgroundImage: 'none',
    textDecoration: 'underline dotted var(--fault) 2px',
    textUnderlineOffset: '3px',
  },
  '.cm-diagnostic': {
    padding: '6px 10px',
    maxWidth: '360px',
    borderLeft: '3px solid var(--fault)',
    whiteSpace: 'normal',
  },
  '.cm-diagnosticAction': {
    minHeight: '28px',
    margin: '6px 6px 2px 0',
    padding: '2px 9px',
    border: '1px solid var(--line)',
    borderRadius: '6px',
    backgroundColor: 'var(--panel)',
    color: 'var(--ink)',
    font: 'inherit',
    cursor: 'pointer',
  },
  '.cm-gutter-lint': { width: '12px' },
  '.cm-gutter-lint .cm-gutterElement': { padding: '0' },
  '.cm-lint-marker': { width: '9px', height: '9px', margin: '5px 1px' },
  '.cm-lint-marker-error, .cm-lint-marker-warning': {
    content: 'none',
    backgroundColor: 'var(--fault)',
    rotate: '45deg',
  },
  '@media (max-width: 639px)': {
    '.cm-tooltip.cm-tooltip-autocomplete > ul > li': { padding: '11px 10px' },
  },
});

/** Paper and ink: keys stand out by weight, remarks stand back. */
export const highlighting = syntaxHighlighting(
  HighlightStyle.define([
    { tag: [tags.propertyName, tags.definition(tags.propertyName)], fontWeight: '600' },
    { tag: tags.comment, color: 'var(--soft)', fontStyle: 'italic' },
    { tag: [tags.punctuation, tags.separator, tags.brace, tags.squareBracket, tags.meta], color: 'var(--soft)' },
  ]),
);
