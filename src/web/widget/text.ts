// What the widget says, in English and Chinese.

const TEXT = {
  open: ['Open chat', '打开客服窗口'],
  close: ['Close chat', '关闭客服窗口'],
  unread: ['{} unread', '{} 条未读'],
  log: ['Messages', '消息记录'],
  write: ['Write a message…', '输入消息…'],
  send: ['Send', '发送'],
  emoji: ['Emoji', '表情'],
  attach: ['Attach a file', '添加图片或文件'],
  you: ['You', '我'],
  online: ['We are online', '客服在线'],
  offline: ['We are away', '客服不在线'],
  waiting: ['Waiting for an agent', '正在为您接入客服'],
  place: ['Waiting · {} in line', '排队中 · 第 {} 位'],
  sending: ['Sending', '发送中'],
  sent: ['Sent', '已发送'],
  delivered: ['Delivered', '已送达'],
  read: ['Read', '已读'],
  reconnecting: ['Reconnecting. Your messages are kept.', '正在重新连接，消息不会丢失。'],
  refused: ['Chat is not available here.', '此处无法使用客服。'],
  volatile: ['This browser does not keep messages.', '此浏览器无法保存消息。'],
  hello: ['Hello! How can we help?', '您好，请问有什么可以帮您？'],
  away: ['Leave a message and we will get back to you.', '请留言，我们会尽快回复您。'],
  support: ['Support', '在线客服'],
  older: ['Earlier messages', '查看更早的消息'],
} as const;

export type Say = (key: keyof typeof TEXT, value?: string | number) => string;

/** Sentences in Chinese for "zh", in English otherwise. */
export function sayIn(language: string): Say {
  const column = language === 'zh' ? 1 : 0;
  return (key, value = '') => TEXT[key][column].replace('{}', String(value));
}
