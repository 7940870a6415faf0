/** A sentence of the server. A number such as 1e-4 stays on one line; browsers break it after its hyphen. */
const NUMBER = /(\S*\de-\d+\S*)/;

export function Sentence({ text }: { text: string }) {
  if (!NUMBER.test(text)) return <>{text}</>;
  return (
    <>
      {text.split(NUMBER).map((part, i) =>
        i % 2 === 0 ? (
          part
        ) : (
          <span key={i} class="whole">
            {part}
          </span>
        ),
      )}
    </>
  );
}
