// Shows what /ticks says. EventSource reconnects by itself.
const now = document.querySelector('#now');
const state = document.querySelector('#state');
const ticks = new EventSource('/ticks');

ticks.onopen = () => {
  state.textContent = 'connected';
};
ticks.onerror = () => {
  state.textContent = 'the server is away, trying again';
};
ticks.onmessage = ({ data }) => {
  now.dateTime = data;
  now.textContent = new Date(data).toLocaleTimeString();
};
