"""The sentence for sound: f hears a waveform and writes letters.

sound          opening recordings; samples of 16 bits
recogniser     the network, from waveform to letters
attack         δ and L for a waveform, and its solver
synthesis, recordings
               voices that speak to it: synthesised ones, and people
training       training and judging the recogniser
"""
