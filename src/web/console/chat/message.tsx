// One message or note: text with links, a picture, a file; its state; taking it back.
import type { Attachment, Message } from '../../shared/gen/posthouse.ts';
import { blobUrl } from '../state/api.ts';
import { dateTime, hourMinute, nowMs } from '../state/clock.ts';
import { agentName, agents, link, log, me } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { discard, retry, submit } from '../state/live.ts';
import { AgentFace } from '../ui/face.tsx';
import { Icon } from '../ui/icon.tsx';
import { fileSize, isPicture, pieces, type Said } from './items.ts';
import { viewed } from './viewer.tsx';

/** The server takes a message back for two minutes. */
const RECALL_MS = 120_000;

interface Props {
  said: Said;
  conversation: string;
  visitor: string;
}

export function MessageView({ said, conversation, visitor }: Props) {
  const { side, first, note, atMs } = said;
  return (
    <div class={`says ${side}${first ? ' first' : ''}`}>
      {first && <Head said={said} visitor={visitor} />}
      <div class="says-line">
        {said.gone ? (
          <div class="bubble gone">{t(side === 'own' ? 'recalledByYou' : 'recalled')}</div>
        ) : (
          said.message && <Bubble message={said.message} note={note} conversation={conversation} />
        )}
        <div class="says-side">
          {side === 'own' && !said.gone && !said.pending && (
            <RecallButton said={said} conversation={conversation} />
          )}
          <time dateTime={new Date(atMs).toISOString()} title={dateTime(atMs)}>
            {hourMinute(atMs)}
          </time>
          {side === 'own' && !said.gone && <State said={said} />}
        </div>
      </div>
      {said.pending?.refused && <Refused said={said} />}
    </div>
  );
}

function Head({ said, visitor }: { said: Said; visitor: string }) {
  const { side, author, note } = said;
  if (side === 'own' && !note) return null;
  const colleague = side === 'agent' ? agents.value.get(author?.agent ?? 0) : undefined;
  const name =
    side === 'visitor'
      ? visitor
      : side === 'own'
        ? t('you')
        : author?.name || agentName(author?.agent ?? 0);
  return (
    <div class="says-head">
      {colleague && <AgentFace agent={colleague} size="tiny" />}
      <strong>{name}</strong>
      {note && <span>{t('noteOnlyAgents')}</span>}
    </div>
  );
}

function Bubble({
  message,
  note,
  conversation,
}: {
  message: Message;
  note: boolean;
  conversation: string;
}) {
  const { attachment } = message;
  if (!attachment) {
    return (
      <div class={note ? 'bubble note' : 'bubble'} dir="auto">
        {pieces(message.text ?? '').map((piece) =>
          piece.href ? (
            <a href={piece.href} target="_blank" rel="noopener noreferrer nofollow">
              {piece.text}
            </a>
          ) : (
            piece.text
          ),
        )}
      </div>
    );
  }
  if (!isPicture(attachment.mediaType)) {
    return (
      <div class="bubble">
        <FileLink attachment={attachment} conversation={conversation} />
      </div>
    );
  }
  const url = blobUrl(conversation, attachment.blob);
  return (
    <div class="bubble picture">
      <button
        type="button"
        aria-label={t('showLarge', { name: attachment.name })}
        onClick={() => (viewed.value = { url, name: attachment.name })}
      >
        <img src={url} alt={attachment.name} loading="lazy" {...shownSize(attachment)} />
      </button>
    </div>
  );
}

/** The room a picture takes before it has loaded, so that the log does not jump. */
function shownSize({ width, height }: Attachment): { width?: number; height?: number } {
  if (!width || !height) return {};
  const scale = Math.min(1, 320 / width, 260 / height);
  return { width: Math.round(width * scale), height: Math.round(height * scale) };
}

function FileLink({ attachment, conversation }: { attachment: Attachment; conversation: string }) {
  return (
    <a class="file" href={blobUrl(conversation, attachment.blob)} download={attachment.name}>
      <Icon name="file" />
      <span>
        <span class="file-name">{attachment.name}</span>
        <span class="file-size">{fileSize(attachment.size)}</span>
      </span>
    </a>
  );
}

function State({ said }: { said: Said }) {
  if (said.pending?.refused) return <span class="failed">{t('notSent')}</span>;
  if (said.pending && !said.pending.index)
    return <span>{t(link.value.state === 'live' ? 'sending' : 'waitsForLink')}</span>;
  if (said.note) return null;
  const at = said.publicIndex;
  const { delivered = 0, read = 0 } = log.value ?? {};
  if (at && read >= at) return <span class="read">{t('read')}</span>;
  return <span>{t(at && delivered >= at ? 'delivered' : 'sent')}</span>;
}

function RecallButton({ said, conversation }: { said: Said; conversation: string }) {
  if (said.author?.agent !== me.value?.id || nowMs.value - said.atMs > RECALL_MS) return null;
  return (
    <button
      type="button"
      class="tool"
      title={t('recall')}
      aria-label={t('recall')}
      onClick={() => void submit(conversation, { recall: { targetKey: said.key } })}
    >
      <Icon name="recall" small />
    </button>
  );
}

function Refused({ said }: { said: Said }) {
  return (
    <p class="says-refused" role="alert">
      {said.pending?.refused?.sentence}{' '}
      <button type="button" class="link" onClick={() => retry(said.key)}>
        {t('tryAgain')}
      </button>{' '}
      <button type="button" class="link" onClick={() => discard(said.key)}>
        {t('discard')}
      </button>
    </p>
  );
}
