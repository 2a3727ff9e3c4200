// An agent's picture: shown, chosen, taken away. It is cut to a small square here, which also leaves
// out what a camera wrote into the file; what the browser cannot read is sent for the server to judge.
import { useId, useRef } from 'preact/hooks';
import type { AgentRow } from '../../shared/gen/posthouse.ts';
import { api } from '../state/api.ts';
import { me } from '../state/desk.ts';
import { t } from '../state/language.ts';
import { agentFrom } from '../state/wire-json.ts';
import { AgentFace } from './face.tsx';
import { useSending } from './field.tsx';
import { ProblemNotice } from './notice.tsx';

/** Shown 40 pixels wide in the widget, twice that on fine screens, with room to grow. */
const SIDE_PX = 256;

interface Props {
  agent: AgentRow;
  changed: (row: AgentRow) => void;
}

export function PictureField({ agent, changed }: Props) {
  const id = useId();
  const picker = useRef<HTMLInputElement>(null);
  const sending = useSending();
  const path = `/v1/agents/${agent.id}/picture`;
  const ask = (work: () => Promise<unknown>) =>
    sending.send(async () => changed(agentFrom(await work())));
  const choose = async (file: File | undefined) => {
    if (file) await ask(async () => api('POST', path, await square(file)));
    picker.current!.value = '';
  };
  return (
    <div class="field">
      <span class="label" id={id}>
        {t('picture')}
      </span>
      {sending.problem && <ProblemNotice problem={sending.problem} />}
      <div class="picture-field" role="group" aria-labelledby={id}>
        <AgentFace agent={agent} own={agent.id === me.value?.id} size="large" />
        <button
          type="button"
          class="button"
          disabled={sending.busy}
          onClick={() => picker.current?.click()}
        >
          {t('choosePicture')}
        </button>
        {agent.avatar && (
          <button
            type="button"
            class="button"
            disabled={sending.busy}
            onClick={() => void ask(() => api('DELETE', path))}
          >
            {t('removePicture')}
          </button>
        )}
        <input
          ref={picker}
          type="file"
          accept="image/*"
          hidden
          onChange={(event) => void choose(event.currentTarget.files?.[0])}
        />
      </div>
      <span class="hint">{t('pictureHint')}</span>
    </div>
  );
}

/** The middle of the picture as a square; the file itself when the browser cannot read it. */
async function square(file: File): Promise<Blob> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return file;
  }
  const { width, height } = bitmap;
  const side = Math.min(width, height);
  const canvas = document.createElement('canvas');
  canvas.width = canvas.height = Math.min(side, SIDE_PX);
  const pen = canvas.getContext('2d')!;
  // A picture with holes would show the initials through them.
  pen.fillStyle = '#fff';
  pen.fillRect(0, 0, canvas.width, canvas.width);
  pen.imageSmoothingQuality = 'high';
  const [left, top] = [(width - side) / 2, (height - side) / 2];
  pen.drawImage(bitmap, left, top, side, side, 0, 0, canvas.width, canvas.width);
  bitmap.close();
  return new Promise((done) => canvas.toBlob((made) => done(made ?? file), 'image/webp', 0.9));
}
