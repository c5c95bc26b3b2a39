"""Attacks on speech recognition: f maps a waveform to letters, or to pieces of words.

sound          opens recordings; samples of 16 bits
recogniser     a small network of our own, from waveform to letters
attack         δ and L for a waveform, and its solver
moonshine      a network that understands people, from waveform to pieces of words; `pieces` is its tokenizer
dictation      L for it
wording        texts that are the same words
synthesis      synthesised speech, to train and judge the small network
recordings     recordings of people, to judge both
training       trains and judges the small network
"""
