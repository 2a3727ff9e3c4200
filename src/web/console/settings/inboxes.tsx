// Inboxes: the places visitors write to. Each has a line to paste, the pages that may use it, and
// words.
import { useState } from 'preact/hooks';
import type { InboxRow } from '../../shared/gen/posthouse.ts';
import { teamName, teams } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { inboxFrom } from '../state/wire-json.ts';
import { Dialog } from '../ui/dialog.tsx';
import { Field, NameField, Snippet, snippetOf, TextField } from '../ui/field.tsx';
import { Icon } from '../ui/icon.tsx';
import { Cards, Check, Head, RowDialog, useList } from './parts.tsx';

const DEFAULT_COLOR = '#0b6a4c';

export function Inboxes() {
  const listed = useList('inboxes', inboxFrom);
  const [edited, setEdited] = useState<InboxRow | null>(null);
  const [pasted, setPasted] = useState<InboxRow | null>(null);
  const add = () => {
    const team = [...teams.value.keys()][0] ?? 0;
    const words = { greeting: t('defaultGreeting'), offlineGreeting: t('defaultOfflineGreeting') };
    setEdited({
      id: 0,
      key: '',
      name: '',
      team,
      origins: [],
      color: DEFAULT_COLOR,
      disabled: false,
      ...words,
    });
  };
  return (
    <>
      <Head title={t('inboxes')} lead={t('inboxesLead')} add={{ word: t('addInbox'), act: add }} />
      <Cards
        listed={listed}
        empty={t('noneYet')}
        card={(inbox) => (
          <>
            <Icon name="inbox" />
            <div class="grow">
              <strong>{inbox.name}</strong>{' '}
              {inbox.disabled && <span class="tag late">{t('disabled')}</span>}
              <p>
                {[
                  teamName(inbox.team),
                  inbox.origins.join(t('listComma')) || t('onlyOwnPages'),
                ].join(' · ')}
              </p>
            </div>
            <button type="button" class="button" onClick={() => setPasted(inbox)}>
              {t('snippet')}
            </button>
            <button
              type="button"
              class="button"
              onClick={() => setEdited(inbox)}
              aria-label={`${t('change')} ${inbox.name}`}
            >
              {t('change')}
            </button>
          </>
        )}
      />
      <p class="below">
        <a href="/demo" target="_blank" rel="noopener">
          {t('openDemo')}
        </a>
      </p>
      {edited && <InboxDialog inbox={edited} done={listed.reload} close={() => setEdited(null)} />}
      {pasted && <SnippetDialog inbox={pasted} close={() => setPasted(null)} />}
    </>
  );
}

function SnippetDialog({ inbox, close }: { inbox: InboxRow; close: () => void }) {
  return (
    <Dialog title={inbox.name} close={close}>
      <p class="quiet">{t('snippetHint')}</p>
      <Snippet text={snippetOf(inbox.key)} label={t('snippet')} />
      {inbox.origins.length === 0 && <p class="notice warn">{t('snippetOrigins')}</p>}
    </Dialog>
  );
}

interface DialogProps {
  inbox: InboxRow;
  done: () => Promise<void>;
  close: () => void;
}

/** One origin a line; a pasted address is cut to its origin. */
function originsOf(text: string): string[] {
  const lines = text.split(/[\s,，]+/).filter(Boolean);
  return lines.map((line) =>
    URL.canParse(line) && new URL(line).origin !== 'null' ? new URL(line).origin : line,
  );
}

function InboxDialog({ inbox, done, close }: DialogProps) {
  const [row, setRow] = useState(inbox);
  const [origins, setOrigins] = useState(inbox.origins.join('\n'));
  const set = (change: Partial<InboxRow>) => setRow({ ...row, ...change });
  const body = () => {
    const { id: _, key: _key, ...change } = row;
    return { ...change, origins: originsOf(origins) };
  };
  return (
    <RowDialog
      title={inbox.id ? inbox.name : t('addInbox')}
      path="/v1/inboxes"
      id={inbox.id}
      body={body}
      done={done}
      close={close}
    >
      <div class="form-row">
        <NameField value={row.name} set={(name) => set({ name })} />
        <Field label={t('team')}>
          <select
            class="input"
            value={row.team}
            onChange={(event) => set({ team: Number(event.currentTarget.value) })}
          >
            {[...teams.value.values()].map((team) => (
              <option value={team.id}>{team.name}</option>
            ))}
          </select>
        </Field>
      </div>
      <TextField
        label={t('origins')}
        hint={t('originsHint')}
        rows={3}
        spellcheck={false}
        placeholder="https://www.example.com"
        value={origins}
        set={setOrigins}
      />
      <TextField
        label={t('greeting')}
        hint={t('greetingHint')}
        rows={2}
        maxLength={300}
        placeholder={t('defaultGreeting')}
        value={row.greeting}
        set={(greeting) => set({ greeting })}
      />
      <TextField
        label={t('offlineGreeting')}
        hint={t('offlineGreetingHint')}
        rows={2}
        maxLength={300}
        placeholder={t('defaultOfflineGreeting')}
        value={row.offlineGreeting}
        set={(offlineGreeting) => set({ offlineGreeting })}
      />
      <TextField
        label={t('color')}
        type="color"
        value={row.color || DEFAULT_COLOR}
        set={(color) => set({ color })}
      />
      {inbox.id !== 0 && (
        <Check word={t('disableInbox')} on={row.disabled} set={(disabled) => set({ disabled })} />
      )}
    </RowDialog>
  );
}
