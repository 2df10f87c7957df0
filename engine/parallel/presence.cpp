#include "engine/parallel/presence.h"

namespace llmrun {

void Presence::want_for_forward(size_t unit) {
  if (states_.empty()) return;
  states_[unit].own->want_parameters();
  if (ShardedState* borrowed = states_[unit].borrowed) borrowed->want_parameters();
}

void Presence::before_forward(size_t unit) {
  if (states_.empty()) return;
  const bool adds = training_ && units_[unit]->gradients_in_forward();
  for (ShardedState* state : {states_[unit].own, states_[unit].borrowed}) {
    if (state == nullptr) continue;
    state->have_parameters();
    if (adds) state->have_gradients();
  }
}

void Presence::after_forward(size_t unit) {
  if (states_.empty()) return;
  states_[unit].own->drop_parameters();
  if (ShardedState* borrowed = states_[unit].borrowed) borrowed->drop_parameters();
}

void Presence::want_for_backward(size_t unit) {
  if (!states_.empty() && units_[unit]->parameters_in_backward()) states_[unit].own->want_parameters();
}

void Presence::before_backward_input(size_t unit) {
  if (states_.empty()) return;
  if (units_[unit]->parameters_in_backward()) states_[unit].own->have_parameters();
  states_[unit].own->have_gradients();  // a norm's are made with its input's
}

void Presence::before_backward_weight(size_t unit) {
  if (!states_.empty()) states_[unit].own->have_gradients();
}

void Presence::after_backward_input(size_t unit) {
  if (!states_.empty()) states_[unit].own->drop_parameters();
}

void Presence::after_backward_weight(size_t unit) {
  if (states_.empty()) return;
  finish();
  reducing_ = states_[unit].own;
  reducing_->post_reduce();
}

void Presence::finish() {
  if (reducing_ != nullptr) reducing_->finish_reduce();
  reducing_ = nullptr;
}

}  // namespace llmrun
