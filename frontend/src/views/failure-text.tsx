/** A refusal or failure of the server, in its own words. */
import type { Failure } from './use-request';

export function FailureText({ failure }: { failure: Failure }) {
  return (
    <p class="note bad" role="alert">
      {failure.message} {failure.hint}
    </p>
  );
}
