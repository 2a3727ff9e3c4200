// The main screen: list, messages, details; the address says which conversation is open.
import { useEffect, useState } from 'preact/hooks';
import { ChatPane } from './chat/pane.tsx';
import { DetailsPane } from './details/details.tsx';
import { ListPane } from './list/list.tsx';
import { LinkBanner } from './list/link-banner.tsx';
import { site } from './state/desk.ts';
import { openConversation } from './state/live.ts';
import { route } from './state/route.ts';

export function Desk() {
  const [details, setDetails] = useState(false);
  const here = route.value;
  const id = here.screen === 'desk' ? here.conversation : null;
  useEffect(() => {
    openConversation(id);
    setDetails(false);
  }, [id]);
  // Looking elsewhere is not reading: the settings close the conversation.
  useEffect(() => () => openConversation(null), []);
  const look = `${id ? ' with-chat' : ''}${details ? ' with-details' : ''}`;
  return (
    <div class="shell">
      <LinkBanner />
      <main class={`panes${look}`}>
        <h1 class="only-read">{site.value.name || 'Posthouse'}</h1>
        <ListPane />
        <ChatPane details={details} toggleDetails={() => setDetails(!details)} />
        <DetailsPane close={() => setDetails(false)} />
      </main>
    </div>
  );
}
