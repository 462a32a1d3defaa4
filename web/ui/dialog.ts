/**
 * A modal dialog that Escape or a click beside it closes, at once: where the browser closes it, it says so only later, when another may be open. It opens with the focus on what is chosen in it, else on what it is mostly there for, else on the first thing after its
 * head. However it is closed, the focus goes back to where it was.
 */

export function modal(onclose: () => void): (dialog: HTMLDialogElement) => () => void {
  return (dialog) => {
    const beside = (event: MouseEvent): void => {
      if (event.target === dialog) onclose();
    };
    const leave = (event: KeyboardEvent): void => {
      if (event.key !== 'Escape' || event.defaultPrevented) return;
      event.preventDefault();
      onclose();
    };
    const root = dialog.getRootNode() as Document | ShadowRoot;
    const before = whereFrom(root.activeElement);
    dialog.addEventListener('click', beside);
    dialog.addEventListener('keydown', leave);
    dialog.addEventListener('close', onclose);
    dialog.showModal();
    (
      dialog.querySelector<HTMLElement>('[aria-current]') ??
      dialog.querySelector<HTMLElement>('.primary') ??
      dialog.querySelector<HTMLElement>(':scope > :not(header) :is(button, input, select)')
    )?.focus();
    if (before !== null) openedFrom.set(dialog, before);
    return () => {
      dialog.removeEventListener('click', beside);
      dialog.removeEventListener('keydown', leave);
      dialog.removeEventListener('close', onclose);
      // When it is gone, and unless the focus is somewhere else by then.
      queueMicrotask(() => {
        if (before?.isConnected === true && isNowhere(root.activeElement)) before.focus();
      });
    };
  };
}

/** Remembers what has the focus, and gives it back when asked to, unless something else has it by then: a button to give something up goes away with what it would have ended. */
export function rememberFocus(): () => void {
  const before = document.activeElement;
  return () => {
    // After what has changed is drawn.
    setTimeout(() => {
      if (before instanceof HTMLElement && before.isConnected && isNowhere(document.activeElement)) before.focus();
    });
  };
}

/** What had the focus when the dialog was opened, for the dialog that is opened from it. */
const openedFrom = new WeakMap<Element, HTMLElement>();

function whereFrom(active: Element | null): HTMLElement | null {
  const dialog = active?.closest('dialog') ?? null;
  if (dialog !== null) return openedFrom.get(dialog) ?? null;
  return active instanceof HTMLElement && !isNowhere(active) ? active : null;
}

function isNowhere(active: Element | null): boolean {
  return active === null || active === document.body;
}
