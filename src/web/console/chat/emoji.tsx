// A small set of emoji that a desk uses.
import { t } from '../state/language.ts';
import { Icon } from '../ui/icon.tsx';
import { Menu } from '../ui/menu.tsx';

const SET = [
  ...['😀', '😄', '😊', '🙂', '😉', '😍', '😅', '😂'],
  ...['🤔', '😮', '😢', '😭', '😡', '😴', '🤝', '👋'],
  ...['👍', '👎', '👌', '🙏', '💪', '👏', '❤️', '🌹'],
  ...['🎉', '🎁', '⭐', '🔥', '✅', '❌', '❗', '❓'],
  ...['⏰', '📞', '📧', '📷', '📎', '📦', '🚚', '💰'],
];

export function Emoji({ pick }: { pick: (emoji: string) => void }) {
  return (
    <Menu button={<Icon name="smile" />} label={t('emoji')} place="emoji">
      {(close) =>
        SET.map((emoji) => (
          <button
            type="button"
            role="menuitem"
            key={emoji}
            onClick={() => {
              close();
              pick(emoji);
            }}
          >
            {emoji}
          </button>
        ))
      }
    </Menu>
  );
}
