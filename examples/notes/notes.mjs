/** Keeps lines: `all` gives those there are, anything else is noted. It greets first, as many servers do. */
import net from 'node:net';

const notes = [];

net
  .createServer({ allowHalfOpen: true }, (socket) => {
    let text = '';
    socket.write('notes 1.0\n');
    socket.on('data', (bytes) => (text += bytes.toString()));
    socket.on('error', () => socket.destroy());
    socket.on('end', () => {
      const line = text.trim();
      if (line === 'all') socket.end(notes.join('\n'));
      else {
        notes.push(line);
        socket.end(`noted: ${line}\n`);
      }
    });
  })
  .listen(Number(process.env['PORT'] ?? 7000));
