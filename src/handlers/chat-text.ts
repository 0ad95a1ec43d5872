/**
 * Text from outside as plain text for any chat tool: no mention, no link that shows another text than its address, no
 * formatting of links. URLs and e-mail addresses stay usable. What is changed is visible, because some tools ignore
 * invisible characters: a space follows the `@` of a mention and the `]` of a link.
 */

/** Invisible characters and direction marks, which can disguise a link; not those that scripts and emoji need. */
const INVISIBLE =
  /(?![\t\n\r\p{Join_Control}\p{Variation_Selector}])[\p{Cc}\p{Cf}\p{Default_Ignorable_Code_Point}]/gu;

const ADDRESS = String.raw`https?://[\p{L}\p{N}.:_-]+(?:[/?#][\p{L}\p{N}\-._~:/?#!$&'()*+,;=%@]*)?`;
/** Not to `@everyone` and the like, which some tools recognize even within a word. */
const EMAIL = String.raw`[\p{L}\p{N}._%+-]{1,64}@(?!everyone|here|(?:channel|all)\b)[\p{L}\p{N}-]{1,63}(?:\.[\p{L}\p{N}-]{1,63}){1,8}`;
/** Of a link or its address in Markdown, as in `[text](address)` or `[name]: address`. */
const LINK_BRACKET = String.raw`\](?=\p{Default_Ignorable_Code_Point}*[(\[:])`;
const SPECIAL = new RegExp(`(${ADDRESS})|(${EMAIL})|[&<>@＠﹫]|${LINK_BRACKET}`, 'giu');

/** The characters that Slack and tools like it read as markup, as Slack documents it. */
const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;' };

/** Takes linear time. */
export function chatText(text: string): string {
  return text
    .replace(INVISIBLE, '')
    .replace(
      SPECIAL,
      (found, address?: string, email?: string) =>
        address?.replaceAll('@', '%40') ?? email ?? ENTITIES[found] ?? `${found} `,
    );
}
