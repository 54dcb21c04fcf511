"""`make retrain`: are the recorded tables still what training gives? (`tools.retrain.__main__`)"""
