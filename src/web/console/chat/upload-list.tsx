// Files under way, with their progress or what stopped them.
import { t } from '../state/language.ts';
import { Icon } from '../ui/icon.tsx';
import { fileSize } from './items.ts';
import { dropUpload, retryUpload, uploads } from './uploads.ts';

export function UploadList({ conversation }: { conversation: string }) {
  const own = uploads.value.filter((item) => item.conversation === conversation);
  if (own.length === 0) return null;
  return (
    <ul class="uploads" aria-label={t('uploads')}>
      {own.map((item) => (
        <li key={item.id} class={item.problem ? 'upload failed' : 'upload'}>
          <Icon name="file" small />
          <span class="cut">
            {item.file.name}
            {item.problem && ` — ${item.problem.what} ${item.problem.remedy}`}
          </span>
          {item.problem ? (
            <button type="button" class="link" onClick={() => retryUpload(item)}>
              {t('tryAgain')}
            </button>
          ) : (
            <>
              <span class="faint figures">{fileSize(item.file.size)}</span>
              <progress max={1} value={item.part} aria-label={item.file.name} />
            </>
          )}
          <button
            type="button"
            class="tool"
            aria-label={t('cancel')}
            onClick={() => dropUpload(item.id)}
          >
            <Icon name="close" small />
          </button>
        </li>
      ))}
    </ul>
  );
}
