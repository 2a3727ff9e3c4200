// Erasing a conversation for ever: a button of owners, and the question before it.
import { useState } from 'preact/hooks';
import { api, type Problem, problemOf } from '../state/api.ts';
import { t } from '../state/language.ts';
import { Dialog } from '../ui/dialog.tsx';
import { ProblemNotice } from '../ui/notice.tsx';

export function Erase({ id }: { id: string }) {
  const [asked, setAsked] = useState(false);
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | null>(null);
  const erase = async () => {
    setBusy(true);
    try {
      // The entry that says so takes the conversation away here, as in every console.
      await api('DELETE', `/v1/conversations/${id}`);
      setAsked(false);
    } catch (error) {
      setProblem(problemOf(error));
    }
    setBusy(false);
  };
  return (
    <>
      <button type="button" class="button danger" onClick={() => setAsked(true)}>
        {t('erase')}
      </button>
      {asked && (
        <Dialog title={t('erase')} close={() => setAsked(false)}>
          <p>{t('eraseQuestion')}</p>
          {problem && <ProblemNotice problem={problem} />}
          <div class="form-end">
            <button type="button" class="button" onClick={() => setAsked(false)}>
              {t('cancel')}
            </button>
            <button type="button" class="button danger" disabled={busy} onClick={() => void erase()}>
              {t('eraseNow')}
            </button>
          </div>
        </Dialog>
      )}
    </>
  );
}
