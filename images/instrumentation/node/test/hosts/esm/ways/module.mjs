import express from 'express';

const app = express();
app.get('/things/:thing', (req, res) => res.json({}));
app.listen(Number(process.env.PORT), '127.0.0.1', () => console.log('esm ready'));
