/**
 * The token for running trainings, kept for as long as this tab of the browser is open: it is asked for once,
 * not at each reload. It is never a part of an address.
 */
const STORED = 'epochline.token';

/** Empty where none was given. */
export function keptToken(): string {
  try {
    return sessionStorage.getItem(STORED) ?? '';
  } catch {
    return '';
  }
}

export function keepToken(token: string): void {
  try {
    if (token === '') sessionStorage.removeItem(STORED);
    else sessionStorage.setItem(STORED, token);
  } catch {
    // A browser that keeps nothing is asked for it at each reload.
  }
}
