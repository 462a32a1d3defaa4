/** A modal dialog that a click beside it closes; Escape does so by itself. */

export function modal(onclose: () => void): (dialog: HTMLDialogElement) => () => void {
  return (dialog) => {
    const beside = (event: MouseEvent): void => {
      if (event.target === dialog) onclose();
    };
    dialog.addEventListener('click', beside);
    dialog.showModal();
    dialog.querySelector<HTMLElement>('[aria-current]')?.focus();
    return () => dialog.removeEventListener('click', beside);
  };
}
