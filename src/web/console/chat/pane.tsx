// The message pane: header, log, composer; or what to do when nothing is open.
import { useEffect, useState } from 'preact/hooks';
import { log, me, openId, queue, rows } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { Icon } from '../ui/icon.tsx';
import { Composer } from './composer.tsx';
import { ChatHeader } from './header.tsx';
import { LogView } from './log.tsx';
import { addFiles } from './uploads.ts';
import { Viewer } from './viewer.tsx';

export function ChatPane({
  toggleDetails,
  details,
}: {
  toggleDetails: () => void;
  details: boolean;
}) {
  const id = openId.value;
  return (
    <section class="pane chat" aria-label={t('messages')}>
      {id ? <Open id={id} toggleDetails={toggleDetails} details={details} /> : <Nothing />}
    </section>
  );
}

function Nothing() {
  const waiting = queue.value.length;
  return (
    <div class="empty chat-empty">
      <Icon name="house" />
      <strong>{t(waiting ? 'pickFromQueue' : 'nothingOpen', { n: waiting })}</strong>
      <p>{t('nothingOpenHint', { name: me.value?.name ?? '' })}</p>
    </div>
  );
}

function Open({
  id,
  toggleDetails,
  details,
}: {
  id: string;
  toggleDetails: () => void;
  details: boolean;
}) {
  const [dropping, setDropping] = useState(false);
  const row = rows.value.get(id);
  const refused = log.value?.refused;
  useEffect(() => setDropping(false), [id]);
  if (refused) {
    return (
      <div class="empty chat-empty">
        <Icon name="warn" />
        <strong>{refused.sentence}</strong>
        <p class="figures">({refused.code})</p>
        <a class="button" href="#/">
          {t('backToList')}
        </a>
      </div>
    );
  }
  const onDrop = (event: DragEvent) => {
    event.preventDefault();
    setDropping(false);
    addFiles(id, event.dataTransfer?.files);
  };
  return (
    <>
      <ChatHeader id={id} row={row} toggleDetails={toggleDetails} details={details} />
      <div
        class={`log-frame${dropping ? ' dropping' : ''}`}
        data-drop={t('dropHere')}
        onDragOver={(event) => {
          event.preventDefault();
          setDropping(true);
        }}
        onDragLeave={(event) => event.currentTarget === event.target && setDropping(false)}
        onDrop={onDrop}
      >
        <LogView key={id} id={id} row={row} />
      </div>
      <Composer key={id} id={id} row={row} />
      <Viewer />
    </>
  );
}
