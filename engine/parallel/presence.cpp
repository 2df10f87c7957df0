#include "engine/parallel/presence.h"

namespace llmrun {

using What = StageEvent::What;

void Presence::want(ShardedState& state, size_t unit) {
  if (state.want_parameters()) note(What::gather_posted, unit);
}

void Presence::have(ShardedState& state, size_t unit) {
  want(state, unit);
  if (state.have_parameters()) note(What::gather_awaited, unit);
}

void Presence::want_for_forward(size_t unit) {
  if (states_.empty()) return;
  want(*states_[unit].own, unit);
  if (ShardedState* borrowed = states_[unit].borrowed) want(*borrowed, unit);
}

void Presence::before_forward(size_t unit) {
  if (states_.empty()) return;
  const bool adds = training_ && units_[unit]->gradients_in_forward();
  for (ShardedState* state : {states_[unit].own, states_[unit].borrowed}) {
    if (state == nullptr) continue;
    have(*state, unit);
    if (adds) state->have_gradients();
  }
}

void Presence::after_forward(size_t unit) {
  if (states_.empty()) return;
  states_[unit].own->drop_parameters();
  if (ShardedState* borrowed = states_[unit].borrowed) borrowed->drop_parameters();
}

void Presence::want_for_backward(size_t unit) {
  if (!states_.empty() && units_[unit]->parameters_in_backward()) want(*states_[unit].own, unit);
}

void Presence::before_backward_input(size_t unit) {
  if (states_.empty()) return;
  if (units_[unit]->parameters_in_backward()) have(*states_[unit].own, unit);
  states_[unit].own->have_gradients();  // a norm's are made with its input's
}

void Presence::after_backward_input(size_t unit) {
  if (!states_.empty()) states_[unit].own->drop_parameters();
}

void Presence::before_backward_weight(size_t unit) {
  if (!states_.empty()) states_[unit].own->have_gradients();
}

void Presence::after_backward_weight(size_t unit) {
  if (states_.empty()) return;
  finish();
  if (!states_[unit].own->post_reduce()) return;
  note(What::reduce_posted, unit);
  reducing_ = unit;
}

void Presence::finish() {
  if (!reducing_) return;
  if (states_[*reducing_].own->finish_reduce()) note(What::reduce_awaited, *reducing_);
  reducing_.reset();
}

}  // namespace llmrun
