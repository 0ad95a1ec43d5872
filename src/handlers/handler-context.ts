/** What a handler gets besides the data of its event: what every run gets, and questions about our tables. */

import { FieldError, id } from '../core/event/field-kinds.ts';
import { Fields } from '../core/event/fields.ts';
import { hasLetterOrDigit } from '../core/event/phone-number.ts';
import type { RunContext } from '../core/runs/run-context.ts';
import { isOptedOut } from '../projections/opted-out.ts';

export interface HandlerContext extends RunContext {
  /**
   * Whether a person has opted out. The tables reflect this event, so its own opt-out counts. Await the answer.
   * @param number in any spelling: `+1 (555) 123-0001` and `15551230001` are the same number
   * @param tenant only opt-outs for this tenant count, and those that state no tenant. Without it, those for any count
   * @throws TypeError if `number` is missing or cannot be a number
   */
  readonly isOptedOut: (number: string | number, tenant?: string | number | null) => Promise<boolean>;
}

export function handlerContext(run: RunContext): HandlerContext {
  return {
    ...run,
    async isOptedOut(number, tenant) {
      const isStated = tenant !== undefined && tenant !== null && tenant !== '';
      return isOptedOut(
        run.query,
        usable(() => numberIn(new Fields({ number }))),
        isStated ? usable(() => new Fields({ tenant }).required(TENANT)) : undefined,
      );
    },
  };
}

const NUMBER = id('number');
const TENANT = id('tenant');

function numberIn(given: Fields): string {
  const number = given.required(NUMBER);
  if (!hasLetterOrDigit(number)) throw new FieldError('number has no letter and no digit');
  return number;
}

/** @throws TypeError instead of a FieldError */
function usable(read: () => string): string {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof FieldError)) throw error;
    throw new TypeError(`isOptedOut(number, tenant): ${error.message}`);
  }
}
